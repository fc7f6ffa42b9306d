/* Values of an ARM template: what its expressions come to, as far as that stands in the template itself.
 *
 * An expression is a text in brackets: "[concat(parameters('hub'), '/', variables('name'))]". Those functions are known
 * that names and addresses are made of: parameters, variables, concat, format, resourceId, copyIndex, length, equals,
 * not, and, or, if, true, false, int, string, toLower; behind them .name and [index]. What a deployment would have to be asked
 * (reference, resourceGroup …) is not understood, and said so.
 * Source: learn.microsoft.com/azure/azure-resource-manager/templates, "Template functions", "Template syntax". */
#ifndef TANDEM_NODE_CTL_IMPORT_ARM_H
#define TANDEM_NODE_CTL_IMPORT_ARM_H

#include <jansson.h>
#include <stddef.h>

enum { ARM_WHY = 200 };

struct arm_scope {
    json_t *template;
    json_t *given;    /* of parameters, before their defaultValue: { "hub": { "value": … } }; NULL: none */
    size_t copy_index;   /* of the resource, where it is one of a loop */
};

/* The member, whatever its case: names in ARM have none. NULL: there is none. */
json_t *arm_get(json_t *object, const char *key);

/* The value with its expressions replaced: a new reference. NULL: why has the words.
 * scope NULL: it is no template, and every text means itself. */
json_t *arm_value(const struct arm_scope *scope, json_t *value, char why[static ARM_WHY]);

#endif
