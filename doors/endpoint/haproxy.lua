-- The action "archeio": asks archeio's decision endpoint what to answer, and answers so. What it says
-- nothing about in time, or not as expected, goes on by HAProxy's own rules.

local WAIT = 0.7 -- seconds for each step of asking; above archeio's existence.wait
local FIELDS = {} -- of requests, those that routes look at: { "x-tenant" }

local function question(txn)
    local lines = {
        "GET /decide HTTP/1.0",
        "X-Real-Ip: " .. txn.f:src(),
        "X-Original-Method: " .. txn.f:method(),
        "X-Original-Uri: " .. txn.f:url(),
        "X-Original-Host: " .. (txn.f:req_fhdr("host", 1) or ""),
    }
    for _, name in ipairs(FIELDS) do
        local value = txn.f:req_fhdr(name, 1)
        if value then
            table.insert(lines, name .. ": " .. value)
        end
    end
    return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- The fields of what archeio says; nil: nothing.
local function ask(text)
    local address, port = core.backends.archeio.servers.archeio:get_addr():match("^(.*):(%d+)$")
    local socket = core.tcp()
    local heard
    socket:settimeout(WAIT)
    if socket:connect(address, tonumber(port)) and socket:send(text) then
        heard = socket:receive("*a") -- to its end: it is of HTTP/1.0
    end
    socket:close()
    local head = heard and heard:match("^HTTP/1%.1 200 .-\r\n\r\n")
    if not head then
        return nil
    end
    local fields = {}
    for name, value in head:gmatch("\r\nX%-Archeio%-([%w-]+): ([^\r]*)") do
        fields[name] = value
    end
    return fields
end

local function decoded(text)
    return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

core.register_action("archeio", { "http-req" }, function(txn)
    local fields = ask(question(txn))
    local status = fields and tonumber(fields["Status"])
    if not status then
        return
    end
    local reply = txn:reply({ status = status })
    for name, value in pairs(fields) do
        if name == "Body" then
            reply:set_body(decoded(value))
        elseif name ~= "Status" then
            reply:add_header(name, value)
        end
    end
    txn:done(reply)
end)
