/* doctor: what is wrong, and what mends it. It asks the API what everybody may ask; what it finds is said
 * with the mend beside it, what is well in one line each. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bgp/codec/types.h"
#include "node/ctl/client.h"
#include "node/ctl/table.h"

enum grade { GRADE_OK, GRADE_WARN, GRADE_FAIL };

struct findings {
    json_t *list; /* { grade, text, mend } */
    json_t *dead; /* names of nodes that are not alive, as keys */
    bool has_problems;
};

static const char *const grade_names[] = { "ok", "warn", "fail" };

static void find(struct findings *f, enum grade grade, const char *mend, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void find(struct findings *f, enum grade grade, const char *mend, const char *format, ...)
{
    char text[CELL_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_t *finding = json_pack("{s:s, s:s}", "grade", grade_names[grade], "text", text);
    json_object_set_new(finding, "mend", mend ? json_string(mend) : json_null());
    json_array_append_new(f->list, finding);
    f->has_problems |= grade != GRADE_OK;
}

static bool is_true(const json_t *o, const char *path)
{
    return json_is_true(json_at(o, path));
}

static json_int_t count_at(const json_t *o, const char *path)
{
    return json_integer_value(json_at(o, path));
}

/* ": why", where there is a why. */
static const char *because(const json_t *o, const char *path, char text[static CELL_TEXT])
{
    const char *why = json_text_at(o, path);
    snprintf(text, CELL_TEXT, "%s%s", why[0] ? ": " : "", why);
    return text;
}

/* ---- this node ---- */

/* Who converges will be ready by itself. */
static void look_at_node(struct findings *f, const json_t *status)
{
    enum grade grade = strcmp(json_text_at(status, "phase"), "converging") ? GRADE_FAIL : GRADE_WARN;
    size_t i;
    const json_t *check;
    json_array_foreach(json_at(status, "checks"), i, check)
    {
        if (!is_true(check, "ok"))
            find(f, grade, NULL, "%s is not ready, %s: %s", json_text_at(status, "node"),
                 json_text_at(check, "name"), json_text_at(check, "detail"));
    }
    if (json_is_string(json_at(status, "mrtError")))
        find(f, GRADE_FAIL, "make the directory, room on its disk, or it writable; the next file is tried in any case",
             "MRT files are not written: %s", json_text_at(status, "mrtError"));
    if (json_is_object(json_at(status, "drain")))
        find(f, GRADE_WARN, "tandemctl node undrain", "%s is %s", json_text_at(status, "node"),
             json_text_at(status, "drain.state"));
}

/* ---- the other nodes ---- */

static const char *mend_of_node(const json_t *node)
{
    if (!strcmp(json_text_at(node, "health"), "auth-failed"))
        return "compare `tandemctl key public KEYFILE` there with nodes[].publicKey here, and the "
               "secretFile of both";
    return "does tandemd run there, and does its clusterPort (8177) pass in both directions?";
}

static void look_at_nodes(struct findings *f, const json_t *nodes)
{
    char why[CELL_TEXT];
    size_t i, alive = 0;
    const json_t *node;
    bool are_equal = true;
    json_array_foreach(nodes, i, node)
    {
        const char *name = json_text_at(node, "name");
        bool is_alive = is_true(node, "self") || !strcmp(json_text_at(node, "health"), "ok");
        bool is_other = json_is_false(json_at(node, "configEqual"));
        alive += is_alive;
        are_equal &= !json_is_false(json_at(node, "digestEqual"));
        if (!is_alive)
            json_object_set_new(f->dead, name, json_true());
        if (!is_alive)
            find(f, GRADE_FAIL, mend_of_node(node), "node %s is %s%s", name, json_text_at(node, "health"),
                 because(node, "lastError", why));
        if (is_other)
            find(f, GRADE_WARN, "give both nodes the same file, then `tandemctl reload` on each",
                 "node %s has another configuration", name);
        if (json_is_false(json_at(node, "digestEqual")) && !is_other)
            find(f, GRADE_FAIL, "`tandemctl node diff` on both names the routes; report it",
                 "node %s decided otherwise from the same routes", name);
    }
    if (alive == json_array_size(nodes) && are_equal)
        find(f, GRADE_OK, NULL, "%zu of %zu nodes are well%s", alive, alive,
             alive > 1 ? ", and their tables are equal" : "");
}

/* ---- NVAs ---- */

/* By what a NOTIFICATION says, and by who said it. */
static const struct {
    uint8_t code, subcode;
    const char *ours, *theirs; /* the mend; NULL = none that is known */
} last_words[] = {
    { BGP_OPEN_ERROR, BGP_BAD_PEER_AS, "peers[].peerAsn here and the NVA's own AS have to be the same",
      "the NVA expects another AS of us: its remote AS has to be our virtualRouterAsn, or peers[].localAsn" },
    { BGP_OPEN_ERROR, BGP_BAD_IDENTIFIER, "give the NVA a BGP identifier (router id)",
      "two have one BGP identifier: give the NVA another router id, or set routeServer.routerId" },
    { BGP_OPEN_ERROR, BGP_UNACCEPTABLE_HOLD_TIME, "let the NVA propose a hold time of 0, or of 3 s and more",
      "the NVA wants another hold time: set peers[].holdTime" },
    { BGP_OPEN_ERROR, BGP_UNSUPPORTED_CAPABILITY, "enable one of peers[].families for this neighbour on the NVA",
      "the NVA requires what is not on here: compare peers[].families and addPath with its neighbour" },
    { BGP_OPEN_ERROR, BGP_ROLE_MISMATCH, "peers[].role here and the role of the NVA (RFC 9234) have to fit; with strictRole it has to tell one",
      "peers[].role here and the role of the NVA (RFC 9234) have to fit" },
    { BGP_UPDATE_ERROR, BGP_MALFORMED_AS_PATH, NULL,
      "in transparent mode paths begin with another AS than ours: `tandemctl nva-config` has the words that allow it "
      "on the NVA, or set peers[].mode: azure" },
    { BGP_HOLD_TIMER_EXPIRED, 0, "nothing came for so long: does the NVA run, are packets lost, is its MTU larger than what passes?",
      "nothing of us came for so long: are packets lost, is our MTU larger than what passes?" },
    { BGP_CEASE, BGP_MAX_PREFIXES, "raise peers[].maxRoutes.limit, or have the NVA announce less",
      "raise the NVA's limit of this neighbour, or tell it less with peers[].outboundRouteMap" },
    { BGP_CEASE, BGP_ADMIN_SHUTDOWN, NULL, "enable this neighbour again on the NVA" },
    { BGP_CEASE, BGP_PEER_DECONFIGURED, NULL, "the NVA has this neighbour no longer: tandemctl nva-config prints its side" },
    { BGP_CEASE, BGP_CONNECTION_REJECTED, NULL,
      "the NVA does not take this node as a neighbour: tandemctl nva-config prints its side" },
};

static const char *mend_of_words(const json_t *peer)
{
    bool is_theirs = is_true(peer, "lastError.byPeer");
    const char *mend = NULL;
    for (size_t i = 0; i < sizeof last_words / sizeof *last_words; i++)
        if (count_at(peer, "lastError.code") == last_words[i].code && count_at(peer, "lastError.subcode") == last_words[i].subcode)
            mend = is_theirs ? last_words[i].theirs : last_words[i].ours;
    if (mend || !is_theirs)
        return mend ? mend : "look at the NVA's log for the same time";
    return "the NVA said so: compare its configuration of this neighbour (address, remote AS, password)";
}

/* Who knows no such neighbour hangs up without a word. */
static const char *mend_of_peer(const json_t *peer)
{
    if (count_at(peer, "lastError.code"))
        return mend_of_words(peer);
    return "does the NVA have this node as a neighbour (tandemctl nva-config), with the same password or none, is the BGP port "
           "(179, or nodes[].bgpPort) open, is there a route (beyond one hop: eBGP multihop there)?";
}

/* A node that is dead has been named already. */
static void look_at_sessions(struct findings *f, const json_t *peer)
{
    const json_t *session;
    size_t i;
    json_array_foreach(json_at(peer, "sessions"), i, session)
    {
        if (!is_true(session, "up") && !json_object_get(f->dead, json_text_at(session, "node")))
            find(f, GRADE_WARN,
                 "add the missing neighbour on the NVA (tandemctl nva-config has it): one session is enough until that "
                 "node fails",
                 "%s has no session with %s", json_text_at(peer, "name"), json_text_at(session, "node"));
    }
}

static size_t sessions_up(const json_t *peer)
{
    const json_t *session;
    size_t i, up = 0;
    json_array_foreach(json_at(peer, "sessions"), i, session) up += is_true(session, "up");
    return up;
}

static void look_at_routes(struct findings *f, const json_t *peer)
{
    const char *name = json_text_at(peer, "name");
    json_int_t received = count_at(peer, "routes.received"), accepted = count_at(peer, "routes.accepted"),
               limit = count_at(peer, "routes.limit");
    if (received && !accepted)
        find(f, GRADE_WARN, "`tandemctl learned NAME` says why for each",
             "none of the %lld routes of %s is accepted", (long long)received, name);
    if (limit && received > limit)
        find(f, GRADE_WARN, "raise peers[].maxRoutes.limit, or have the NVA announce less",
             "%s announces %lld routes, its limit is %lld", name, (long long)received, (long long)limit);
    else if (limit && received > limit - limit / 5)
        find(f, GRADE_WARN, "raise peers[].maxRoutes.limit before it is reached",
             "%s announces %lld of %lld routes", name, (long long)received, (long long)limit);
}

/* Which may be meant so: no problem, but worth a word to who misses routes. */
static void look_at_silence(struct findings *f, const json_t *peer)
{
    if (!count_at(peer, "routes.received") && strcmp(json_text_at(peer, "import"), "none"))
        find(f, GRADE_OK,
             "if it should: it needs a network to announce, and a policy that lets it out (FRR: no bgp ebgp-requires-policy)",
             "%s is up and announces no route", json_text_at(peer, "name"));
}

static void look_at_peers(struct findings *f, const json_t *peers)
{
    char why[CELL_TEXT];
    size_t i, wanted = 0, whole = 0;
    const json_t *peer;
    json_array_foreach(peers, i, peer)
    {
        size_t up = sessions_up(peer), all = json_array_size(json_at(peer, "sessions"));
        if (strcmp(json_text_at(peer, "adminState"), "enabled"))
            continue;
        wanted++;
        whole += up == all;
        if (!up)
            find(f, GRADE_FAIL, mend_of_peer(peer), "%s (%s) is down on every node%s", json_text_at(peer, "name"),
                 json_text_at(peer, "peerIp"), because(peer, "lastError.text", why));
        else
            look_at_sessions(f, peer);
        if (up)
            look_at_silence(f, peer);
        look_at_routes(f, peer);
    }
    if (whole == wanted)
        find(f, GRADE_OK, NULL, "%zu of %zu peers are up on all their nodes", whole, wanted);
}

/* ---- targets ---- */

static void look_at_agents(struct findings *f, const json_t *target)
{
    char why[CELL_TEXT];
    size_t i;
    const json_t *agent;
    json_array_foreach(json_at(target, "agents"), i, agent)
    {
        if (count_at(agent, "failed"))
            find(f, GRADE_FAIL, "on that host: the log of tandem-agent", "agent %s could not install %lld routes%s",
                 json_text_at(agent, "name"), (long long)count_at(agent, "failed"),
                 because(agent, "lastError", why));
        else if (!is_true(agent, "connected"))
            find(f, GRADE_WARN, "does tandem-agent run there? Its host keeps the routes it has",
                 "agent %s is not connected", json_text_at(agent, "name"));
    }
}

/* By the target's state in a word, of whichever type. */
static const char *mend_of_target(const char *state)
{
    static const char *const mends[][2] = {
        { "unreachable", "is the endpoint right, does it run, and does its port pass from this node?" },
        { "timeout", "it is asked ever less often until it answers; is it overloaded?" },
        { "untrusted", "programming[].caFile has to name the CA of the endpoint's certificate" },
        { "no-token", "give this machine the identity that programming[].identity names, or a servicePrincipalFile" },
        { "unauthorized", "renew what it logs in with: the identity, servicePrincipalFile, or userFile and passwordFile" },
        { "forbidden", "in Azure the identity needs Microsoft.Network/routeTables/read and /write on the table, "
                       "in etcd the role readwrite below the prefix" },
        { "not-found", "make the route table anew, or correct programming[].resourceIds" },
        { "over-limit", "raise maxRoutes if the subscription allows more, set summarise, or narrow the filter" },
        { "full", "compact and defragment the store, or raise its quota; then disarm its alarm" },
        { "busy", "is there a lock on the table or its resource group?" },
        { "etag-never-matches", "find out who else writes this table" },
        { "other-cluster", "give each route server a table of its own" },
    };
    for (size_t i = 0; i < sizeof mends / sizeof *mends; i++)
        if (!strcmp(mends[i][0], state))
            return mends[i][1];
    return NULL;
}

static void look_at_targets(struct findings *f, const json_t *targets)
{
    char why[CELL_TEXT];
    size_t i;
    const json_t *target;
    json_array_foreach(targets, i, target)
    {
        const char *name = json_text_at(target, "name");
        json_int_t failed = count_at(target, "failed"), wanted = count_at(target, "wanted");
        look_at_agents(f, target);
        bool is_in_trouble = json_text_at(target, "lastError")[0];
        if (is_in_trouble)
            find(f, GRADE_FAIL, mend_of_target(json_text_at(target, "state")), "target %s%s", name,
                 because(target, "lastError", why));
        if (failed)
            find(f, GRADE_FAIL, "the log names each with the reason", "target %s refuses %lld routes", name,
                 (long long)failed);
        if (is_true(target, "brake"))
            find(f, GRADE_WARN, "most routes vanished at once: if that is right, the brake lets them go by itself",
                 "target %s: the brake holds %lld deletions", name, (long long)count_at(target, "heldByBrake"));
        if (!is_in_trouble && !failed && is_true(target, "runsHere") && count_at(target, "installed") == wanted)
            find(f, GRADE_OK, NULL, "target %s has all %lld routes", name, (long long)wanted);
    }
}

/* ---- the verb ---- */

/* Asks and looks; the answer is not needed afterwards. */
static int examine(const struct ctl *c, struct findings *f, const char *path, const char *part,
                   void (*look)(struct findings *f, const json_t *answer))
{
    json_t *answer;
    int code = client_get(c, path, &answer);
    if (code)
        return code;
    look(f, part ? json_object_get(answer, part) : answer);
    json_decref(answer);
    return CTL_OK;
}

static void print_finding(const json_t *finding)
{
    printf("%-4s  %s\n", json_text_at(finding, "grade"), json_text_at(finding, "text"));
    if (json_text_at(finding, "mend")[0])
        printf("      -> %s\n", json_text_at(finding, "mend"));
}

static int report(const struct ctl *c, const struct findings *f)
{
    size_t i;
    const json_t *finding;
    int code = CTL_OK;
    if (ctl_wants_json(c))
        code = ctl_print_json(c, f->list);
    else
        json_array_foreach(f->list, i, finding) print_finding(finding);
    return code ? code : f->has_problems ? CTL_PROBLEMS : CTL_OK;
}

int verb_doctor(const struct ctl *c)
{
    static const struct {
        const char *path, *part;
        void (*look)(struct findings *f, const json_t *answer);
    } looks[] = {
        { "/v1/status", NULL, look_at_node },
        { "/v1/nodes", "items", look_at_nodes },
        { "/v1/peers", "items", look_at_peers },
        { "/v1/programming", "items", look_at_targets },
    };
    struct findings f = { .list = json_array(), .dead = json_object() };
    int code = ctl_takes(c, 0, 0, "doctor") ? CTL_OK : CTL_USAGE;
    for (size_t i = 0; !code && i < sizeof looks / sizeof *looks; i++)
        code = examine(c, &f, looks[i].path, looks[i].part, looks[i].look);
    if (!code)
        code = report(c, &f);
    json_decref(f.list);
    json_decref(f.dead);
    return code;
}
