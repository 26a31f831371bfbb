#include "mirror/login.h"

#include "mirror/secret.h"
#include "sys/env.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DOCKER_HUB "https://index.docker.io/v1/"
#define ANSWER_MAX 65536 /* of a helper */

extern char **environ;

/* ── Secrets ── */

void login_release(struct login *l)
{
    secret_free(l->user);
    secret_free(l->password);
    secret_free(l->identity);
    *l = (struct login){.user = NULL};
}

char *login_basic(const struct login *l)
{
    if (l->user == NULL || l->password == NULL)
        return NULL;
    size_t len = strlen(l->user) + 1 + strlen(l->password);
    char *plain = malloc(len + 1);
    if (plain == NULL)
        return NULL;
    snprintf(plain, len + 1, "%s:%s", l->user, l->password);
    char *basic = malloc(len / 3 * 4 + 5);
    if (basic != NULL)
        EVP_EncodeBlock((unsigned char *)basic, (const unsigned char *)plain, (int)len);
    secret_free(plain);
    return basic;
}

/* ── config.json ── */

static bool find_file(char path[4096])
{
    const char *file = env_text("REGISTRY_AUTH_FILE"), *directory = env_text("DOCKER_CONFIG");
    const char *home = getenv("HOME");
    int n = -1;
    if (file != NULL)
        n = snprintf(path, 4096, "%s", file);
    else if (directory != NULL)
        n = snprintf(path, 4096, "%s/config.json", directory);
    else if (home != NULL)
        n = snprintf(path, 4096, "%s/.docker/config.json", home);
    return n > 0 && n < 4096;
}

static bool take(struct login *out, const char *user, size_t user_len, const char *password)
{
    out->user = strndup(user, user_len);
    out->password = strdup(password);
    return out->user != NULL && out->password != NULL;
}

/* base64 of "user:password". */
static bool take_basic(struct login *out, const char *basic)
{
    size_t len = strlen(basic), size = len / 4 * 3 + 4;
    unsigned char *plain = malloc(size);
    int n = plain != NULL && len % 4 == 0 && len < (1 << 20)
                ? EVP_DecodeBlock(plain, (const unsigned char *)basic, (int)len)
                : -1;
    const char *colon = NULL;
    if (n > 0) {
        plain[n] = '\0'; /* its padding has become zero bytes, which end the text as well */
        colon = strchr((const char *)plain, ':');
    }
    bool taken = colon != NULL &&
                 take(out, (const char *)plain, (size_t)(colon - (const char *)plain), colon + 1);
    if (plain != NULL)
        OPENSSL_cleanse(plain, size);
    free(plain);
    return taken;
}

static bool is_docker_hub(const char *host)
{
    return strcmp(host, "docker.io") == 0 || strcmp(host, "registry-1.docker.io") == 0;
}

/* The key may be a host, a URL, or (Docker Hub) an old name. */
static const json_t *entry_of(const json_t *object, const char *host)
{
    char url[300];
    const json_t *found = json_object_get(object, host);
    if (found != NULL)
        return found;
    snprintf(url, sizeof(url), "https://%.250s", host);
    found = json_object_get(object, url);
    return found == NULL && is_docker_hub(host) ? json_object_get(object, DOCKER_HUB) : found;
}

static bool take_entry(struct login *out, const json_t *entry)
{
    const char *identity = json_string_value(json_object_get(entry, "identitytoken"));
    const char *basic = json_string_value(json_object_get(entry, "auth"));
    if (identity != NULL && identity[0] != '\0') {
        out->identity = strdup(identity);
        return out->identity != NULL;
    }
    return basic == NULL || basic[0] == '\0' || take_basic(out, basic);
}

/* ── Helpers ── */

static bool is_program_name(const char *name)
{
    return name[0] != '\0' && strlen(name) < 100 && strchr(name, '/') == NULL;
}

/* Starts "NAME get" with the pipes' other ends as its input and output. */
static pid_t start_helper(const char *name, int in[2], int out[2])
{
    char program[160];
    pid_t pid = -1;
    posix_spawn_file_actions_t actions;
    snprintf(program, sizeof(program), "docker-credential-%s", name);
    char get[] = "get";
    char *argv[] = {program, get, NULL};
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -1;
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    if (posix_spawnp(&pid, program, &actions, NULL, argv, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static size_t read_answer(int fd, char *answer, size_t size)
{
    size_t len = 0;
    while (len + 1 < size) {
        ssize_t n = read(fd, answer + len, size - 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    answer[len] = '\0';
    return len;
}

static bool ask_helper(const char *name, const char *server, char *answer, size_t size)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, status = -1;
    pid_t pid = -1;
    if (pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0)
        pid = start_helper(name, in, out);
    if (in[0] >= 0)
        close(in[0]);
    if (out[1] >= 0)
        close(out[1]);
    if (pid > 0) {
        (void)!write(in[1], server, strlen(server)); /* fits a pipe; SIGPIPE is ignored */
        close(in[1]);
        in[1] = -1;
        read_answer(out[0], answer, size);
        close(out[0]); /* one that says more does not wait for ever for somebody to read it */
        out[0] = -1;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    if (in[1] >= 0)
        close(in[1]);
    if (out[0] >= 0)
        close(out[0]);
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* "<token>" as the user's name says that the secret is an identity token. */
static bool take_helpers(struct login *out, const char *answer)
{
    json_t *root = json_loads(answer, 0, NULL);
    const char *user = json_string_value(json_object_get(root, "Username"));
    const char *secret = json_string_value(json_object_get(root, "Secret"));
    bool taken = false;
    if (user != NULL && secret != NULL && strcmp(user, "<token>") == 0) {
        out->identity = strdup(secret);
        taken = out->identity != NULL;
    } else if (user != NULL && secret != NULL) {
        taken = take(out, user, strlen(user), secret);
    }
    json_decref(root);
    return taken;
}

/* A helper that does not know the server says so, and the host is anonymous. */
static bool use_helper(const char *name, const char *server, struct login *out, char error[256])
{
    char answer[ANSWER_MAX] = "";
    bool told = is_program_name(name) && ask_helper(name, server, answer, sizeof(answer));
    bool unknown = strstr(answer, "credentials not found") != NULL;
    bool used = unknown || (told && take_helpers(out, answer));
    OPENSSL_cleanse(answer, sizeof(answer));
    if (!used)
        snprintf(error, 256,
                 "docker-credential-%.80s (of config.json) gives no credentials for %.80s: is it "
                 "installed, and logged in?",
                 name, server);
    return used;
}

/* ── All together ── */

static bool find_in(const json_t *root, const char *host, struct login *out, char error[256])
{
    const char *server = is_docker_hub(host) ? DOCKER_HUB : host;
    const char *helper = json_string_value(entry_of(json_object_get(root, "credHelpers"), host));
    const char *everywhere = json_string_value(json_object_get(root, "credsStore"));
    if (helper != NULL)
        return use_helper(helper, server, out, error);
    const json_t *entry = entry_of(json_object_get(root, "auths"), host);
    if (entry != NULL && json_object_size(entry) > 0) {
        if (take_entry(out, entry))
            return true;
        snprintf(error, 256,
                 "config.json: what stands under \"auths\" for %.100s is of no use: log "
                 "in again",
                 host);
        return false;
    }
    return everywhere == NULL || use_helper(everywhere, server, out, error);
}

bool login_find(const char *host, struct login *out, char error[256])
{
    char path[4096];
    json_error_t problem;
    *out = (struct login){.user = NULL};
    if (!find_file(path) || access(path, F_OK) != 0)
        return true;
    /* What jansson says of it may quote a password. */
    json_t *root = json_load_file(path, 0, &problem);
    bool found = root != NULL && find_in(root, host, out, error);
    if (root == NULL)
        snprintf(error, 256, "%.150s:%d:%d: no JSON", path, problem.line, problem.column);
    json_decref(root);
    if (!found)
        login_release(out);
    return found;
}
