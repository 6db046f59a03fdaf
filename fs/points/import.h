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
 * second database in one file is refused where it begins. Statements are judged as they come,
 * and run once it is known which database the points are of: those about another are passed over.
 */
#ifndef FS_POINTS_IMPORT_H
#define FS_POINTS_IMPORT_H

#include "engine/base/buf.h"
#include "engine/base/err.h"

struct import_owner {
	/* As writer_write() (engine.h). */
	int (*write)(void *arg, struct slice text, bool final, size_t *consumed, uint64_t *lines,
		     struct diag *diag);
	/*
	 * A statement of the DDL part. With `database` "" it is only judged, and the database that
	 * it is about is put into `named`.
	 */
	int (*statement)(void *arg, struct slice text, struct slice database, struct buf *named,
			 struct diag *diag);
	/* The policy that takes the points from here on. */
	int (*policy)(void *arg, struct slice name, struct diag *diag);
	void *arg;
};

struct import {
	struct import_owner owner;
	enum import_part { IMPORT_START, IMPORT_DDL, IMPORT_DML, IMPORT_PLAIN } part;
	struct buf database; /* as the file calls it, once it did */
	struct buf first;    /* the database that the first statement is about */
	struct buf waiting;  /* statements, a line each: which are meant the first context tells */
	uint64_t lines;	     /* of the call under way, before what is being written */
};

void import_init(struct import *import, const struct import_owner *owner);
void import_release(struct import *import);
/* Nothing more may come: statements that wait for points are run. */
int import_finish(struct import *import, struct diag *diag);
/* As writer_write(), headers and statements counted as lines. */
int import_write(struct import *import, struct slice text, bool final, size_t *consumed,
		 uint64_t *lines, struct diag *diag);

#endif
