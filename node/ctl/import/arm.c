#include "node/ctl/import/arm.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    WORK = 20000,     /* steps of one value: variables that double each other end here */
    DEPTH = 40,       /* of expressions inside of each other, parameters that name themselves among them */
    TEXT_MAX = 8192,  /* of one text */
    ARGUMENTS = 32,
};

struct eval {
    const struct arm_scope *scope;
    const char *at; /* in the text of the expression */
    unsigned depth;
    unsigned *work;
    char *why; /* [0] = 0 while all is well */
};

json_t *arm_get(json_t *object, const char *key)
{
    const char *name;
    json_t *value, *exact = json_object_get(object, key);
    if (exact)
        return exact;
    json_object_foreach(object, name, value)
    {
        if (!strcasecmp(name, key))
            return value;
    }
    return NULL;
}

/* The first reason is the one: what follows from it is no news. */
static json_t *fail(const struct eval *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
static json_t *fail(const struct eval *e, const char *format, ...)
{
    va_list args;
    if (!e->why[0]) {
        va_start(args, format);
        vsnprintf(e->why, ARM_WHY, format, args);
        va_end(args);
    }
    return NULL;
}

static json_t *resolve(const struct eval *outer, json_t *value);

/* ---- functions: they borrow their arguments and return a new reference ---- */

typedef json_t *arm_function(const struct eval *e, json_t **args, size_t count);

/* What a number, text or truth is inside of a text. */
static const char *text_of(const json_t *value, char number[static 32])
{
    if (json_is_integer(value))
        snprintf(number, 32, "%lld", (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        return json_is_true(value) ? "True" : "False";
    else
        return json_string_value(value);
    return number;
}

struct text {
    char bytes[TEXT_MAX];
    size_t len;
    bool is_good;
};

static void append(struct text *t, const char *bytes, size_t len)
{
    t->is_good = t->is_good && bytes && len < TEXT_MAX - t->len;
    if (!t->is_good)
        return;
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
}

static void append_value(struct text *t, const json_t *value)
{
    char number[32];
    const char *text = text_of(value, number);
    append(t, text, text ? strlen(text) : 0);
}

static json_t *take_text(const struct eval *e, struct text *t, const char *function)
{
    return t->is_good ? json_stringn(t->bytes, t->len) : fail(e, "%s() of these", function);
}

static json_t *named(const struct eval *e, const char *kind, const char *name)
{
    json_t *entry = arm_get(arm_get(e->scope->template, kind), name);
    json_t *given = arm_get(arm_get(e->scope->given, name), "value");
    bool is_parameter = !strcmp(kind, "parameters");
    if (is_parameter && given)
        return json_incref(given);
    json_t *value = is_parameter ? arm_get(entry, "defaultValue") : entry;
    if (value)
        return resolve(e, value);
    return is_parameter && entry ? fail(e, "the parameter \"%s\" has no defaultValue; a file of parameters may give it one", name)
                                 : fail(e, "there is no \"%s\" under %s", name, kind);
}

static json_t *do_parameters(const struct eval *e, json_t **args, size_t count)
{
    return count == 1 && json_is_string(args[0]) ? named(e, "parameters", json_string_value(args[0]))
                                                 : fail(e, "parameters() takes a name");
}

static json_t *do_variables(const struct eval *e, json_t **args, size_t count)
{
    return count == 1 && json_is_string(args[0]) ? named(e, "variables", json_string_value(args[0]))
                                                 : fail(e, "variables() takes a name");
}

static json_t *do_concat(const struct eval *e, json_t **args, size_t count)
{
    struct text t = { .is_good = true };
    json_t *list = count && json_is_array(args[0]) ? json_array() : NULL;
    for (size_t i = 0; i < count; i++)
        if (list ? json_array_size(list) + json_array_size(args[i]) > ARGUMENTS || json_array_extend(list, args[i]) : false)
            t.is_good = false;
        else if (!list)
            append_value(&t, args[i]);
    if (list && t.is_good)
        return list;
    json_decref(list);
    return take_text(e, &t, "concat");
}

/* format('{0}/{1}', …) */
static json_t *do_format(const struct eval *e, json_t **args, size_t count)
{
    struct text t = { .is_good = count && json_is_string(args[0]) };
    for (const char *p = t.is_good ? json_string_value(args[0]) : ""; *p;) {
        bool is_brace = (*p == '{' || *p == '}') && p[1] == *p;
        if (*p != '{' || is_brace) {
            append(&t, p, 1);
            p += is_brace ? 2 : 1;
            continue;
        }
        char *end;
        unsigned long i = strtoul(p + 1, &end, 10);
        if (end == p + 1 || *end != '}' || i >= count - 1)
            return fail(e, "format() of \"%.60s\"", json_string_value(args[0]));
        append_value(&t, args[1 + i]);
        p = end + 1;
    }
    return take_text(e, &t, "format");
}

/* resourceId([subscription], [group], 'Provider/type/…', name, …): what matters of it is its end. */
static json_t *do_resource_id(const struct eval *e, json_t **args, size_t count)
{
    struct text t = { .is_good = true };
    size_t i = 0;
    while (i < count && (!json_is_string(args[i]) || !strchr(json_string_value(args[i]), '/')))
        i++;
    const char *type = i < count ? json_string_value(args[i]) : "";
    size_t provider = strcspn(type, "/");
    append(&t, "/providers/", 11);
    append(&t, type, provider);
    for (type += provider; *type == '/' && ++i < count; type += strcspn(type, "/")) {
        append(&t, type, 1 + strcspn(type + 1, "/"));
        type++;
        append(&t, "/", 1);
        append_value(&t, args[i]);
    }
    t.is_good = t.is_good && !*type && i + 1 == count;
    return take_text(e, &t, "resourceId");
}

static json_t *do_copy_index(const struct eval *e, json_t **args, size_t count)
{
    json_int_t offset = 0;
    for (size_t i = 0; i < count; i++) /* the loop's name, an offset, or both */
        offset += json_is_integer(args[i]) ? json_integer_value(args[i]) : 0;
    return json_integer((json_int_t)e->scope->copy_index + offset);
}

static json_t *do_length(const struct eval *e, json_t **args, size_t count)
{
    if (count != 1)
        return fail(e, "length() takes one value");
    size_t len = json_is_array(args[0]) ? json_array_size(args[0]) : json_is_object(args[0]) ? json_object_size(args[0])
                                                                                             : json_string_length(args[0]);
    return json_integer((json_int_t)len);
}

static json_t *do_equals(const struct eval *e, json_t **args, size_t count)
{
    return count == 2 ? json_boolean(json_equal(args[0], args[1])) : fail(e, "equals() takes two values");
}

static json_t *do_not(const struct eval *e, json_t **args, size_t count)
{
    return count == 1 && json_is_boolean(args[0]) ? json_boolean(!json_is_true(args[0])) : fail(e, "not() takes true or false");
}

static json_t *all_are(const struct eval *e, json_t **args, size_t count, bool wanted)
{
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        if (!json_is_boolean(args[i]))
            return fail(e, "and() and or() take true and false");
        all = all && json_is_true(args[i]) == wanted;
    }
    return json_boolean(all == wanted);
}

static json_t *do_and(const struct eval *e, json_t **args, size_t count)
{
    return all_are(e, args, count, true);
}

static json_t *do_or(const struct eval *e, json_t **args, size_t count)
{
    return all_are(e, args, count, false);
}

static json_t *do_true(const struct eval *e, json_t **args, size_t count)
{
    (void)args;
    return count ? fail(e, "true() takes nothing") : json_true();
}

static json_t *do_false(const struct eval *e, json_t **args, size_t count)
{
    (void)args;
    return count ? fail(e, "false() takes nothing") : json_false();
}

static json_t *do_if(const struct eval *e, json_t **args, size_t count)
{
    return count == 3 && json_is_boolean(args[0]) ? json_incref(args[json_is_true(args[0]) ? 1 : 2])
                                                  : fail(e, "if() takes a condition and two values");
}

static json_t *do_int(const struct eval *e, json_t **args, size_t count)
{
    const char *text = count == 1 ? json_string_value(args[0]) : NULL;
    char *end;
    if (count == 1 && json_is_integer(args[0]))
        return json_incref(args[0]);
    if (!text || !isdigit((unsigned char)text[0]) || strlen(text) > 18)
        return fail(e, "int() of what is no number");
    json_int_t value = strtoll(text, &end, 10);
    return *end ? fail(e, "int() of \"%.60s\"", text) : json_integer(value);
}

static json_t *do_string(const struct eval *e, json_t **args, size_t count)
{
    struct text t = { .is_good = count == 1 };
    if (count == 1)
        append_value(&t, args[0]);
    return take_text(e, &t, "string");
}

static json_t *do_lower(const struct eval *e, json_t **args, size_t count)
{
    struct text t = { .is_good = count == 1 && json_is_string(args[0]) };
    if (t.is_good)
        append_value(&t, args[0]);
    for (size_t i = 0; i < t.len; i++)
        t.bytes[i] = (char)tolower((unsigned char)t.bytes[i]);
    return take_text(e, &t, "toLower");
}

static const struct {
    const char *name;
    arm_function *run;
} functions[] = {
    { "parameters", do_parameters }, { "variables", do_variables }, { "concat", do_concat },
    { "format", do_format },         { "resourceId", do_resource_id }, { "copyIndex", do_copy_index },
    { "length", do_length },         { "equals", do_equals },       { "not", do_not },
    { "and", do_and },               { "or", do_or },               { "if", do_if },
    { "int", do_int },               { "string", do_string },       { "toLower", do_lower },
    { "true", do_true },             { "false", do_false },
};

/* ---- the language: literals, calls, what follows them ---- */

static void skip(struct eval *e)
{
    while (isspace((unsigned char)*e->at))
        e->at++;
}

static bool takes(struct eval *e, char c)
{
    skip(e);
    if (*e->at != c)
        return false;
    e->at++;
    return true;
}

static size_t word(const char *at)
{
    size_t len = 0;
    while (isalnum((unsigned char)at[len]) || at[len] == '_' || at[len] == '-')
        len++;
    return len;
}

/* 'it''s': a quote is doubled inside. */
static json_t *literal(struct eval *e)
{
    struct text t = { .is_good = true };
    while (*e->at && (*e->at != '\'' || e->at[1] == '\'')) {
        append(&t, e->at, 1);
        e->at += *e->at == '\'' ? 2 : 1;
    }
    return takes(e, '\'') ? take_text(e, &t, "text") : fail(e, "a quote is open");
}

static json_t *expression(struct eval *e);

/* Of the function whose name begins at name; its opening parenthesis is behind us. */
static json_t *call(struct eval *e, const char *name, size_t len)
{
    json_t *args[ARGUMENTS], *result = NULL;
    size_t count = 0, f = 0;
    while (f < sizeof functions / sizeof *functions &&
           (strncasecmp(functions[f].name, name, len) != 0 || functions[f].name[len]))
        f++;
    if (f == sizeof functions / sizeof *functions)
        return fail(e, "%.*s() is not understood", (int)(len < 60 ? len : 60), name);
    while (!takes(e, ')') && !e->why[0]) {
        if (count == ARGUMENTS || (count && !takes(e, ',')))
            fail(e, "%s(): \",\" or \")\" is missing", functions[f].name);
        else if ((args[count] = expression(e)))
            count++;
    }
    if (!e->why[0])
        result = functions[f].run(e, args, count);
    while (count)
        json_decref(args[--count]);
    return result;
}

static json_t *member(struct eval *e, json_t *of)
{
    char key[64];
    size_t len = word(e->at);
    snprintf(key, sizeof key, "%.*s", (int)len, e->at);
    json_t *value = len && len < sizeof key ? json_incref(arm_get(of, key)) : NULL;
    e->at += len;
    return value ? value : fail(e, "there is no \".%s\"", key);
}

static json_t *item(struct eval *e, json_t *of)
{
    json_t *index = expression(e), *value = NULL;
    if (json_is_integer(index) && json_integer_value(index) >= 0)
        value = json_incref(json_array_get(of, (size_t)json_integer_value(index)));
    else if (json_is_string(index))
        value = json_incref(arm_get(of, json_string_value(index)));
    json_decref(index);
    bool is_closed = takes(e, ']');
    if (value && is_closed)
        return value;
    json_decref(value);
    return fail(e, "there is nothing at this index");
}

static json_t *operand(struct eval *e)
{
    const char *name = e->at;
    size_t len = word(name);
    if (takes(e, '\''))
        return literal(e);
    if (isdigit((unsigned char)*name) || *name == '-') {
        char *end;
        json_t *number = json_integer(strtoll(name, &end, 10));
        e->at = end;
        return number;
    }
    e->at += len;
    if (len && takes(e, '('))
        return call(e, name, len);
    return fail(e, "\"%.40s\" is no expression", name);
}

static json_t *expression(struct eval *e)
{
    if (e->depth++ == DEPTH || !*e->work || !--*e->work)
        return fail(e, "this has no end");
    skip(e);
    json_t *value = operand(e);
    while (value) {
        json_t *of = value;
        if (takes(e, '.'))
            value = member(e, of);
        else if (takes(e, '['))
            value = item(e, of);
        else
            break;
        json_decref(of);
    }
    e->depth--;
    return value;
}

/* ---- values ---- */

/* "[[" is how a text begins that has a bracket of its own. */
static json_t *resolve_text(const struct eval *outer, json_t *value)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (len < 2 || text[0] != '[' || text[len - 1] != ']')
        return json_incref(value);
    if (text[1] == '[')
        return json_string(text + 1);
    struct eval e = *outer;
    e.at = text + 1;
    json_t *result = expression(&e);
    skip(&e);
    if (!result || (e.at[0] == ']' && !e.at[1]))
        return result;
    json_decref(result);
    return fail(outer, "\"%.40s\" stands behind the expression", e.at);
}

static json_t *resolve_list(const struct eval *e, json_t *value)
{
    json_t *list = json_array(), *one;
    for (size_t i = 0; i < json_array_size(value); i++) {
        one = resolve(e, json_array_get(value, i));
        if (!one) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *resolve_object(const struct eval *e, json_t *value)
{
    json_t *object = json_object(), *one, *result;
    const char *key;
    json_object_foreach(value, key, one)
    {
        result = resolve(e, one);
        if (!result) {
            json_decref(object);
            return NULL;
        }
        json_object_set_new(object, key, result);
    }
    return object;
}

static json_t *resolve(const struct eval *outer, json_t *value)
{
    struct eval e = *outer;
    if (e.depth++ == DEPTH || !*e.work || !--*e.work)
        return fail(&e, "this has no end");
    if (json_is_string(value))
        return resolve_text(&e, value);
    if (json_is_array(value))
        return resolve_list(&e, value);
    return json_is_object(value) ? resolve_object(&e, value) : json_incref(value);
}

json_t *arm_value(const struct arm_scope *scope, json_t *value, char why[static ARM_WHY])
{
    unsigned work = WORK;
    why[0] = 0;
    if (!scope)
        return json_incref(value);
    return resolve(&(struct eval){ .scope = scope, .work = &work, .why = why }, value);
}
