/* Cells of a route, which several tables show. */
#ifndef TANDEM_NODE_CTL_CELLS_H
#define TANDEM_NODE_CTL_CELLS_H

#include "node/ctl/table.h"

void cell_path(const json_t *row, char cell[static CELL_TEXT]); /* "65010 65099 {65001,65002}" */
void cell_origin(const json_t *row, char cell[static CELL_TEXT]);
void cell_communities(const json_t *row, char cell[static CELL_TEXT]);
void cell_names(const json_t *list, char cell[static CELL_TEXT]); /* "10.1.2.4, 10.1.2.5" */

#endif
