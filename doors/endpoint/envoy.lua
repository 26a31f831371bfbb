-- Asks archeio's decision endpoint what to answer, and answers so. What it says nothing about in time
-- goes on by Envoy's routes.

local WAIT = 700 -- milliseconds; above archeio's existence.wait
local FIELDS = {} -- of requests, those that routes look at: { "x-tenant" }

local function question(handle)
  local headers = handle:headers()
  local peer = handle:streamInfo():downstreamRemoteAddress()
  local fields = {
    [":method"] = "GET",
    [":path"] = "/decide",
    [":authority"] = "archeio",
    ["x-real-ip"] = peer:match("^%[(.*)%]:%d+$") or peer:match("^(.*):%d+$"),
    ["x-original-method"] = headers:get(":method"),
    ["x-original-uri"] = headers:get(":path"),
    ["x-original-host"] = headers:get(":authority"),
  }
  for _, name in ipairs(FIELDS) do
    fields[name] = headers:getAtIndex(name, 0) -- the first line, as archeio itself does
  end
  return fields
end

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

function envoy_on_request(handle)
  local said = handle:httpCall("archeio", question(handle), nil, WAIT)
  local status = said["x-archeio-status"]
  if said[":status"] ~= "200" or not status then
    return
  end
  local reply, body = { [":status"] = status }, ""
  for field, value in pairs(said) do
    local name = field:match("^x%-archeio%-(.+)$")
    if name == "body" then
      body = decoded(value)
    elseif name and name ~= "status" then
      reply[name] = value
    end
  end
  handle:respond(reply, body)
end
