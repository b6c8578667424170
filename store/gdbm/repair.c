/* repair.c - what is there, what of it is damaged, and what can be brought back. */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/gdbm/base.h"
#include "store/gdbm/files.h"
#include "store/gdbm/gdbm.h"

#define ASIDE ".damaged"
#define DONE ".salvaged"

/* ---- the folder ---------------------------------------------------------------------------------------------------- */

/* What a name of a file that was set aside says: which shard, or which segment. */
struct aside {
	bool is_journal;
	unsigned number;
};

static bool parse_aside(const char *name, struct aside *ret)
{
	int end = 0;

	ret->is_journal = sscanf(name, "journal.%8x" ASIDE "%n", &ret->number, &end) == 1 && end > 0;
	if (ret->is_journal)
		return name[end] == '\0';
	return sscanf(name, "%2u.gdbm" ASIDE "%n", &ret->number, &end) == 1 && end > 0 && name[end] == '\0' && ret->number < CONTROL_SHARDS;
}

/* ---- examine ------------------------------------------------------------------------------------------------------- */

static void report(const struct store_examination *examination, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void report(const struct store_examination *examination, const char *format, ...)
{
	char sentence[160];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	examination->report(examination->context, sentence);
}

struct asides {
	const struct store_examination *examination; /* NULL: only counted */
	uint64_t count;
};

static bool count_aside(void *context, int folder, const char *name)
{
	struct asides *asides = context;
	struct aside aside;

	(void)folder;
	if (!parse_aside(name, &aside))
		return true;
	asides->count++;
	if (asides->examination)
		report(asides->examination, "%s was set aside since something in it was damaged", name);
	return true;
}

static void note_places(const struct page *page, const struct store_examination *examination, struct store_findings *ret)
{
	ret->files += base_shard_size(page->g->base, page->shard) > 0;
	ret->damaged += page->in_base + page->in_journal;
	ret->damaged_files += page->in_base > 0;
	if (page->in_base > 0)
		report(examination, "%02u.gdbm: %llu damaged places", page->shard, (unsigned long long)page->in_base);
	if (page->in_journal > 0)
		report(examination, "journal: %llu damaged records of %02u.gdbm's part of the keys", (unsigned long long)page->in_journal,
		       page->shard);
}

/* What cannot be loaded for damage was counted where it stands. */
static int count_records(const struct page *page, int64_t now, struct store_findings *ret)
{
	struct record record;
	int status = STORE_OK;

	record_init(&record);
	for (size_t i = 0; i < page->count && status != STORE_UNAVAILABLE && status != STORE_NO_MEMORY; i++) {
		status = gdbm_load_once(page->g, &page->keys[i], now, &record);
		ret->live += status == STORE_OK;
		ret->gone += status == STORE_GONE;
		ret->expired += status == STORE_ABSENT;
	}
	record_free(&record);
	return status == STORE_UNAVAILABLE || status == STORE_NO_MEMORY ? status : STORE_OK;
}

int gdbm_examine(struct store *store, uint64_t *cursor, const struct store_examination *examination, struct store_findings *ret)
{
	struct page page = { .g = gdbm_of(store), .shard = (unsigned)(*cursor % CONTROL_SHARDS) };
	struct asides asides = { .examination = examination };
	int status = gdbm_enter(page.g);

	if (status == STORE_OK && page.shard == 0)
		status = files_each(page.g->membership.folder, count_aside, &asides);
	ret->set_aside += asides.count;
	if (status == STORE_OK)
		status = page_fill(&page);
	if (status == STORE_OK) {
		note_places(&page, examination, ret);
		status = count_records(&page, examination->now, ret);
	}
	page_free(&page);
	ret->steps = CONTROL_SHARDS;
	ret->step = page.shard + 1;
	*cursor = status == STORE_OK ? (page.shard + 1) % CONTROL_SHARDS : 0;
	return status;
}

/* ---- salvage ------------------------------------------------------------------------------------------------------- */

/* The first of the names, so that the order does not depend on the folder's. */
struct choice {
	char name[sizeof(((struct store_salvaged *)NULL)->file)];
	struct aside aside;
	unsigned count;
};

static bool choose(void *context, int folder, const char *name)
{
	struct choice *choice = context;
	struct aside aside;

	(void)folder;
	if (!parse_aside(name, &aside))
		return true;
	if (choice->count++ == 0 || strcmp(name, choice->name) < 0) {
		snprintf(choice->name, sizeof(choice->name), "%.63s", name);
		choice->aside = aside;
	}
	return true;
}

struct salvage {
	struct gdbm *g;
	int64_t now;
	struct store_salvaged *ret;
	int status;
};

static bool salvage_one(void *context, const struct store_key *key, const uint8_t *record)
{
	struct salvage *salvage = context;
	struct store_salvaged *ret = salvage->ret;

	if (salvage->now >= record_deadline(record)) {
		ret->expired++;
		return true;
	}
	switch (gdbm_put_back(salvage->g, key, record)) {
	case STORE_OK:
		ret->put_back++;
		return true;
	case STORE_EXISTS:
		ret->known++;
		return true;
	case STORE_DAMAGED:
		ret->lost++;
		return true;
	case STORE_BUSY:
		salvage->status = STORE_BUSY;
		return false;
	default:
		salvage->status = STORE_UNAVAILABLE;
		return false;
	}
}

static int salvage_journal(struct salvage *salvage, const struct choice *choice)
{
	const struct gdbm *g = salvage->g;
	int fd = files_open(g->membership.folder, choice->name, O_RDONLY), status;

	if (fd < 0)
		return STORE_UNAVAILABLE;
	status = segment_salvage(fd, choice->aside.number, g->membership.seed, salvage_one, salvage);
	close(fd);
	return status;
}

/* What was put back is on the disk before the file goes. */
static int finish(const struct salvage *salvage, const char *name)
{
	struct gdbm *g = salvage->g;
	int folder = g->membership.folder, failed;
	char done[sizeof(salvage->ret->file) + sizeof(DONE)];

	if (salvage->ret->put_back > 0 && journal_sync_all(&g->journal) != STORE_OK)
		return STORE_UNAVAILABLE;
	snprintf(done, sizeof(done), "%.*s" DONE, (int)(strlen(name) - strlen(ASIDE)), name);
	failed = salvage->ret->lost > 0 ? renameat(folder, name, folder, done) : unlinkat(folder, name, 0);
	return (failed && errno != ENOENT) || files_sync_folder(folder) != 0 ? STORE_UNAVAILABLE : STORE_OK;
}

static int salvage_file(struct salvage *salvage, const struct choice *choice)
{
	int status = choice->aside.is_journal
	                 ? salvage_journal(salvage, choice)
	                 : base_rescue(salvage->g->base, choice->aside.number, ASIDE, salvage_one, salvage, &salvage->ret->lost);

	if (status == STORE_ABSENT) /* another one was faster */
		return STORE_OK;
	if (status == STORE_OK)
		status = salvage->status;
	return status == STORE_OK ? finish(salvage, choice->name) : status;
}

int gdbm_salvage(struct store *store, int64_t now, struct store_salvaged *ret)
{
	struct salvage salvage = { .g = gdbm_of(store), .now = now, .ret = ret, .status = STORE_OK };
	struct choice choice = { .count = 0 };
	int status = gdbm_enter(salvage.g);

	if (status == STORE_OK)
		status = files_each(salvage.g->membership.folder, choose, &choice);
	if (status != STORE_OK || choice.count == 0)
		return status;
	snprintf(ret->file, sizeof(ret->file), "%s", choice.name);
	ret->more = choice.count > 1;
	return salvage_file(&salvage, &choice);
}

/* ---- measure ------------------------------------------------------------------------------------------------------- */

static bool measure_file(void *context, int folder, const char *name)
{
	struct store_measures *measures = context;
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
		return true;
	measures->files++;
	measures->octets += (uint64_t)st.st_blocks * 512;
	if (strncmp(name, "journal.", 8) == 0)
		measures->journal_octets += (uint64_t)st.st_blocks * 512;
	return true;
}

/* The segments stay while the merging lock is held. */
static int measure_journal(struct gdbm *g, struct store_measures *ret)
{
	struct timespec deadline;
	uint64_t segments;
	int status;

	control_deadline(GDBM_PATIENCE_MS, &deadline);
	status = control_lock(&g->control->merging, &deadline);
	if (status != STORE_OK)
		return status;
	segments = atomic_load(&g->control->segments);
	for (uint32_t n = control_first(segments); n <= control_last(segments) && status == STORE_OK; n++) {
		struct segment *segment;

		status = journal_segment(&g->journal, n, &segment);
		ret->unmerged += status == STORE_OK ? segment_count(segment) : 0;
		ret->journals += status == STORE_OK;
		status = status == STORE_ABSENT ? STORE_OK : status;
	}
	control_unlock(&g->control->merging);
	return status == STORE_DAMAGED ? STORE_OK : status;
}

int gdbm_measure(struct store *store, struct store_measures *ret)
{
	struct gdbm *g = gdbm_of(store);
	int status = gdbm_enter(g);

	if (status == STORE_OK)
		status = files_each(g->membership.folder, measure_file, ret);
	if (status == STORE_OK)
		status = measure_journal(g, ret);
	ret->records = ret->unmerged;
	for (unsigned shard = 0; shard < CONTROL_SHARDS && status == STORE_OK; shard++) {
		uint64_t count;

		status = base_count(g->base, shard, &count);
		ret->records += count;
		status = status == STORE_DAMAGED ? STORE_OK : status;
	}
	return status;
}

int gdbm_trouble(struct store *store, struct store_trouble *ret)
{
	struct gdbm *g = gdbm_of(store);
	struct asides asides = { .examination = NULL };
	int status = gdbm_enter(g);

	if (status == STORE_OK)
		status = files_each(g->membership.folder, count_aside, &asides);
	if (status == STORE_OK)
		ret->damaged = atomic_load(&g->control->damaged);
	ret->set_aside = asides.count;
	return status;
}
