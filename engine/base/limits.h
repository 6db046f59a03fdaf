/* Every limit of the engine, with its unit and reason. Those that an option can move are defaults.
 */
#ifndef ENGINE_LIMITS_H
#define ENGINE_LIMITS_H

#define LINE_BYTES_MAX		(1u << 20) /* one line of line protocol; bounds an unclosed quote */
#define SERIES_KEY_BYTES_MAX	65535u	   /* as InfluxDB's */
#define NAME_BYTES_MAX		255u	   /* a listed file name: what other file systems take */
#define TAGS_PER_SERIES_MAX	1024u
#define FIELDS_PER_LINE_MAX	16384u
#define SERIES_PER_DATABASE_MAX 10000000u    /* option series_max */
#define MEMTABLE_BYTES_MAX	(512u << 20) /* option memtable_mb: a flush starts at half of it */
#define MEMTABLE_BYTES_LIMIT	(UINT64_C(32) << 30) /* that option, at most */
#define DESCRIPTORS_LEAST	64u /* fewer (ulimit -n) are refused: the first writes would fail */
#define SHARDS_OPEN_MAX		32u /* option shards_open: LevelDB instances at once, some 8 fds each */
#define COMMIT_SECONDS		1u   /* option commit */
#define COLD_SECONDS		600u /* option cold_seconds: quiet for so long after its window */
#define COLD_PERIOD_SECONDS	60u  /* option cold_period_seconds: between looks for such groups */
#define SPACE_RESERVED		(32u << 20)  /* of the disk: points are refused before it is full */
#define SPACE_CHECK_BYTES	(256u << 10) /* the disk is looked at after so many */
#define CHUNK_ROWS_MAX		10240u	     /* a day in steps of ten seconds is one chunk: 8640 */
#define VECTOR_ROWS		1024u
#define PACK_BYTES                                                                                 \
	(64u << 10) /* chunks of neighbouring series are stored together up to about this */

#endif
