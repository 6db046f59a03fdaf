/* The one place where a row of errors.def becomes an errno. */
#ifndef FS_NODES_FAULT_H
#define FS_NODES_FAULT_H

/* 0 for OK and END; EIO for a number that no row has. */
int fault_errno(int err);

#endif
