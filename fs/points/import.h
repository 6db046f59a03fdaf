/*
 * Files that `influx -import` takes, as `influx_inspect export` writes them:
 *
 *	# INFLUXDB EXPORT: …
 *	# DDL
 *	CREATE DATABASE db WITH NAME rp         statements, until
 *	# DML
 *	# CONTEXT-DATABASE:db
 *	# CONTEXT-RETENTION-POLICY:rp
 *	cpu,host=a usage=0.5 1451606400000000000
 *
 * What is written is told apart by its first lines: without such headers all of it is line
 * protocol. The points go into the database that is written to, whatever the file calls it; a
 * second database in one file is refused where it begins.
 */
#ifndef FS_POINTS_IMPORT_H
#define FS_POINTS_IMPORT_H

#include "engine/base/buf.h"
#include "engine/base/err.h"

struct import_owner {
	/* As writer_write() (engine.h). */
	int (*write)(void *arg, struct slice text, bool final, size_t *consumed, uint64_t *lines,
		     struct diag *diag);
	/* A statement of the DDL part. */
	int (*statement)(void *arg, struct slice text, struct diag *diag);
	/* The policy that takes the points from here on. */
	int (*policy)(void *arg, struct slice name, struct diag *diag);
	void *arg;
};

struct import {
	struct import_owner owner;
	enum import_part { IMPORT_START, IMPORT_DDL, IMPORT_DML, IMPORT_PLAIN } part;
	struct buf database; /* as the file calls it, once it did */
	uint64_t lines;	     /* of the call under way, before what is being written */
};

void import_init(struct import *import, const struct import_owner *owner);
void import_release(struct import *import);
/* As writer_write(), headers and statements counted as lines. */
int import_write(struct import *import, struct slice text, bool final, size_t *consumed,
		 uint64_t *lines, struct diag *diag);

#endif
