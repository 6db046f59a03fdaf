/*
 * What index_tables.c does for index_additions.c alone: a series that was added can be found.
 */
#ifndef ENGINE_NAMES_INDEX_TABLES_INNER_H
#define ENGINE_NAMES_INDEX_TABLES_INNER_H

#include "engine/names/index_tables.h"

/* By the hash of its canonical key. The series is counted already: the slots grow with the count.
 */
void tables_add_slot(struct tables *tables, struct series_slot slot);
/* By its file name, where that is too long and was cut; `key_length` of its canonical key. */
void tables_add_cut_name(struct tables *tables, uint32_t series_id, size_t key_length);

#endif
