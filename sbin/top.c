/* top.c - sesamectl top: a look at the store each second. */

#include "sbin/sesamectl.h"

#include <inttypes.h>

#include "sbin/census.h"
#include "sbin/screen.h"
#include "sbin/times.h"
#include "sbin/view.h"
#include "store/store.h"

#define INTERVAL_MOST 3600u
#define COUNT_MOST 1000000000u
#define LINES_ABOVE 12u /* the list of sessions */

struct top {
	struct ctl ctl;
	struct census census;
	struct store_measures measures;
	struct store_trouble trouble;
	unsigned interval, count;
	bool screen;
};

static int look(struct top *t)
{
	int status = census_step(&t->census, ctl_now());

	if (status == STORE_OK)
		status = store_measure(t->ctl.store, &t->measures);
	if (status == STORE_OK)
		status = store_trouble(t->ctl.store, &t->trouble);
	return status;
}

/* ---- lines --------------------------------------------------------------------------------------------------------- */

static void tell_json(struct top *t)
{
	const struct census_numbers *n = &t->census.counted;
	struct output *o = &t->ctl.output;

	output_begin(o);
	output_number(o, "time", "", (uint64_t)ctl_now());
	output_number(o, "counted_at", "", (uint64_t)n->at);
	output_number(o, "sessions", "", n->sessions);
	output_number(o, "logged_in", "", n->logged_in);
	output_number(o, "new_minute", "", n->new_minute);
	output_number(o, "new_hour", "", n->new_hour);
	output_number(o, "used_minute", "", n->used_minute);
	output_number(o, "used_hour", "", n->used_hour);
	output_number(o, "changes_per_second", "", (uint64_t)(census_rate(&t->census) + 0.5));
	output_number(o, "octets", "", t->measures.octets);
	output_number(o, "journal_octets", "", t->measures.journal_octets);
	output_number(o, "unmerged", "", t->measures.unmerged);
	output_number(o, "damaged", "", t->trouble.damaged);
	output_number(o, "set_aside", "", t->trouble.set_aside);
	output_close(o);
}

static void tell_line(struct top *t)
{
	const struct census_numbers *n = &t->census.counted;
	char now[TIMES_SIZE];

	printf("%s  sessions %" PRIu64 "  logged in %" PRIu64 "  new in a minute %" PRIu64 "  used in a minute %" PRIu64
	       "  changes a second %.1f  octets %" PRIu64 "  journal %" PRIu64 "  damaged %" PRIu64 "\n",
	       times_moment(ctl_now(), now), n->sessions, n->logged_in, n->new_minute, n->used_minute, census_rate(&t->census),
	       t->measures.octets, t->measures.unmerged, t->trouble.damaged);
}

/* ---- a screen ------------------------------------------------------------------------------------------------------ */

static void draw_numbers(struct top *t)
{
	const struct census_numbers *n = &t->census.counted;
	const struct store_measures *m = &t->measures;
	char now[TIMES_SIZE], ago[TIMES_SIZE];

	printf("sesamectl top   %s   every %u s, q quits\n\n", times_moment(ctl_now(), now), t->interval);
	if (n->at == 0)
		printf("sessions    still counting, %" PRIu64 " so far\n", t->census.counting.sessions);
	else
		printf("sessions    %" PRIu64 ", in %" PRIu64 " of them somebody is logged in (counted %s ago)\n", n->sessions,
		       n->logged_in, times_span(ctl_now() - n->at, ago));
	printf("new         %" PRIu64 " in the last minute, %" PRIu64 " in the last hour\n", n->new_minute, n->new_hour);
	printf("used        %" PRIu64 " in the last minute, %" PRIu64 " in the last hour\n", n->used_minute, n->used_hour);
	printf("changes     %.1f a second\n", census_rate(&t->census));
	printf("store       %.1f MiB in %" PRIu64 " files\n", (double)m->octets / 1048576, m->files);
	printf("journal     %.1f MiB in %" PRIu64 " segments, %" PRIu64 " records to be merged\n", (double)m->journal_octets / 1048576,
	       m->journals, m->unmerged);
	printf("trouble     %" PRIu64 " damaged places, %" PRIu64 " files set aside\n\n", t->trouble.damaged, t->trouble.set_aside);
}

static int draw_recent(struct top *t)
{
	unsigned lines = screen_lines(), room = lines > LINES_ABOVE ? lines - LINES_ABOVE : 0;
	struct record record;
	int status = STORE_OK;

	if (room == 0)
		return STORE_OK;
	view_head();
	record_init(&record);
	for (unsigned i = 0; i < t->census.recent_count && i < room && status == STORE_OK; i++) {
		status = store_load(t->ctl.store, &t->census.recent[i].key, ctl_now(), &record);
		if (status == STORE_OK && !record.forwarded)
			view_line(&t->ctl, &t->census.recent[i].key, record.octets);
		else if (status == STORE_ABSENT || status == STORE_GONE || status == STORE_DAMAGED)
			status = STORE_OK;
	}
	record_free(&record);
	return status;
}

static int tell(struct top *t)
{
	int status = STORE_OK;

	if (t->screen) {
		screen_clear();
		draw_numbers(t);
		status = draw_recent(t);
	} else if (t->ctl.output.json) {
		tell_json(t);
	} else {
		tell_line(t);
	}
	fflush(stdout);
	return status;
}

/* False when it is time to end. */
static bool wait_for_next(struct top *t)
{
	int key;

	if (!t->screen)
		return ctl_wait(t->interval * 1000);
	key = screen_key(t->interval * 1000);
	return key != 'q' && key != 'Q' && !ctl_interrupted();
}

static int run(struct top *t)
{
	int status = STORE_OK;

	for (unsigned i = 0; status == STORE_OK && !ctl_interrupted() && !ferror(stdout) && (t->count == 0 || i < t->count); i++) {
		if (i > 0 && !wait_for_next(t))
			break;
		status = look(t);
		if (status == STORE_OK)
			status = tell(t);
		if (status == STORE_BUSY)
			status = STORE_OK; /* the next look may have more luck */
	}
	return status;
}

int ctl_top(const struct ctl_command *self, int argc, char **argv)
{
	static struct top t;
	int status = ctl_begin(&t.ctl, self, argc, argv), ran;

	if (status != CTL_GO_ON)
		return status;
	t.interval = 1;
	status = ctl_number(&t.ctl, "interval", 1, INTERVAL_MOST, &t.interval);
	if (status == CTL_GO_ON)
		status = ctl_number(&t.ctl, "count", 1, COUNT_MOST, &t.count);
	if (status != CTL_GO_ON)
		return ctl_end(&t.ctl, status);
	t.census.store = t.ctl.store;
	t.screen = !t.ctl.output.json && screen_begin();
	ran = run(&t);
	screen_end();
	return ctl_end(&t.ctl, ran == STORE_OK ? CTL_DONE : ctl_failed(&t.ctl, ran));
}
