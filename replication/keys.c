#include "replication/keys.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char node_head[] = "tandem-node-key 1 ", secret_head[] = "tandem-secret 1 ";
enum { SUBKEY_PSK = 1, SUBKEY_MAC, SUBKEY_DIGEST, SUBKEY_PSK_ID };

static bool decode(const char *text, uint8_t out[static REPL_KEY])
{
    size_t len;
    return sodium_base642bin(out, REPL_KEY, text, strlen(text), " \t\r\n", &len, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           len == REPL_KEY;
}

static bool decode_after(const char *head, const char *text, uint8_t out[static REPL_KEY])
{
    size_t len = strlen(head);
    if (strncmp(text, head, len) == 0 && decode(text + len, out))
        return true;
    sodium_memzero(out, REPL_KEY);
    return false;
}

int repl_identity_parse(const char *text, struct repl_identity *out)
{
    if (!decode_after(node_head, text, out->secret_key))
        return BGP_ERR_PARSE;
    if (crypto_scalarmult_base(out->public_key, out->secret_key) == 0)
        return 0;
    repl_identity_wipe(out);
    return BGP_ERR_PARSE;
}

int repl_public_parse(const char *text, uint8_t out[static REPL_KEY])
{
    return decode(text, out) ? 0 : BGP_ERR_PARSE;
}

int repl_secret_parse(const char *text, struct repl_secrets *out)
{
    static const char context[crypto_kdf_CONTEXTBYTES + 1] = "tandem01";
    uint8_t master[crypto_kdf_KEYBYTES], id[crypto_kdf_BYTES_MIN];
    if (!decode_after(secret_head, text, master)) {
        repl_secrets_wipe(out);
        return BGP_ERR_PARSE;
    }
    crypto_kdf_derive_from_key(out->psk, sizeof out->psk, SUBKEY_PSK, context, master);
    crypto_kdf_derive_from_key(out->mac_key, sizeof out->mac_key, SUBKEY_MAC, context, master);
    crypto_kdf_derive_from_key(out->digest_key, sizeof out->digest_key, SUBKEY_DIGEST, context,
                               master);
    crypto_kdf_derive_from_key(id, sizeof id, SUBKEY_PSK_ID, context, master);
    memcpy(out->psk_id, id, sizeof out->psk_id);
    sodium_memzero(master, sizeof master);
    return 0;
}

static void format(const char *head, const uint8_t key[static REPL_KEY],
                   char text[static REPL_KEY_TEXT])
{
    char base64[REPL_PUBLIC_TEXT];
    sodium_bin2base64(base64, sizeof base64, key, REPL_KEY, sodium_base64_VARIANT_ORIGINAL);
    snprintf(text, REPL_KEY_TEXT, "%s%s\n", head, base64);
    sodium_memzero(base64, sizeof base64);
}

static void new_random(const char *head, char text[static REPL_KEY_TEXT])
{
    uint8_t key[REPL_KEY];
    randombytes_buf(key, sizeof key);
    format(head, key, text);
    sodium_memzero(key, sizeof key);
}

void repl_identity_new(char text[static REPL_KEY_TEXT])
{
    new_random(node_head, text);
}

void repl_secret_new(char text[static REPL_KEY_TEXT])
{
    new_random(secret_head, text);
}

void repl_public_format(const uint8_t key[static REPL_KEY], char text[static REPL_PUBLIC_TEXT])
{
    sodium_bin2base64(text, REPL_PUBLIC_TEXT, key, REPL_KEY, sodium_base64_VARIANT_ORIGINAL);
}

void repl_key_id(const uint8_t key[static REPL_KEY], uint8_t out[static REPL_KEY_ID])
{
    uint8_t hash[crypto_generichash_BYTES];
    crypto_generichash(hash, sizeof hash, key, REPL_KEY, NULL, 0);
    memcpy(out, hash, REPL_KEY_ID);
}

void repl_cluster_id(const char *name, uint8_t out[static 16])
{
    crypto_generichash(out, 16, (const uint8_t *)name, strlen(name), NULL, 0);
}

void repl_identity_wipe(struct repl_identity *id)
{
    sodium_memzero(id, sizeof *id);
}

void repl_secrets_wipe(struct repl_secrets *s)
{
    sodium_memzero(s, sizeof *s);
}
