/* What an NVA is told on a session: its Adj-RIB-In, read from the messages' octets by a reader of the simulator's own,
 * which takes nothing that a sender need not write: each attribute once, ascending, without a fault, no next hop behind
 * another one. */
#ifndef TANDEM_TESTS_SIM_TOLD_H
#define TANDEM_TESTS_SIM_TOLD_H

#include "bgp/codec/update.h"

enum {
    SIM_VNETS = 3, /* prefixes of the configuration: the two of the hub and the spoke's */
    SIM_WORDS_MAX = 12,
    SIM_PATH_MAX = 12,
};

/* One path as it is told. NEXT_HOP aside, its attributes are octets, all of them: how many, and a hash. */
struct sim_word {
    uint32_t path_id; /* RFC 7911; 0: none was agreed on */
    struct ip_addr hop;
    uint32_t path[SIM_PATH_MAX]; /* AS_PATH, for who looks */
    uint8_t path_len;
    uint16_t len;
    uint64_t attrs;
    bool is_of_before; /* not told again since a refresh began (RFC 7313) */
};

struct sim_told { /* of a prefix */
    uint8_t count;
    struct sim_word words[SIM_WORDS_MAX];
};

struct world;
struct nva_session;

/* Of prefixes as they are counted here: those that NVAs announce, behind them the configuration's. -1: neither. */
int told_number(const struct ip_prefix *p);
struct ip_prefix told_prefix(int number);
/* One attribute more, as it stands in a message. */
void told_add(struct sim_word *word, const uint8_t *attr, size_t len);
/* All that makes two words the same to who is told them, the path's id aside. */
bool told_is_same(const struct sim_word *a, const struct sim_word *b);

/* The session is up and has been told nothing; one message of it, whole. */
void told_begin(struct nva_session *s);
void told_message(struct nva_session *s, const uint8_t *bytes, size_t len);

/* Does any NVA have it of this node, in its present life? */
bool told_by(const struct world *w, int node, int number);

/* check_told.c: a word that has just been told, of this prefix */
void check_word(struct world *w, const struct nva_session *s, int number, const struct sim_word *word);
/* Of the prefix's paths one has just been taken back. */
void check_unsaid(struct world *w, const struct nva_session *s, int number);
/* In the end: every NVA has been told by every node what it should be, no more and no less. */
void check_told_settled(struct world *w);

#endif
