/* SESSION_SYNC=always, all the way up: a response's head is there when what it tells of is on the disk, and not before. */

#include <errno.h>
#include <pthread.h>

#include "tests/lib/visitor.h"
#include "tests/store/folder.h"
#include "tests/store/shim_calls.h"

static struct visit v;
static pthread_t requester;
static _Atomic unsigned syncs, own_syncs, too_early;
static _Atomic bool unsynced;

/* A change of the journal or of a name is lasting when a sync has ended after it; until then nothing may be said. */
static void after_call(const struct shim_call *call, bool done)
{
	if (!done)
		return;
	if (call->what == SHIM_WRITE || call->what == SHIM_RENAME)
		unsynced = true;
	if (call->what != SHIM_SYNC)
		return;
	unsynced = false;
	syncs++;
	own_syncs += pthread_equal(pthread_self(), requester) != 0;
	too_early += v.head[0] != '\0';
}

static struct sess_manager *site(const char *folder, const char *sync)
{
	char store[128], setting[64];

	snprintf(store, sizeof(store), "SESSION_STORE=gdbm:%s/%s", folder, sync);
	snprintf(setting, sizeof(setting), "SESSION_SYNC=%s", sync);
	settings(store, setting, NULL);
	return site_open();
}

/* Begins a request whose syncs are counted. */
static void request(struct sess_manager *m, const struct browser *b)
{
	visit_by(&v, m, b);
	v.head[0] = '\0';
	syncs = own_syncs = too_early = 0;
	unsynced = false;
	shim.after = after_call;
}

static bool answer(struct browser *b)
{
	bool set = visit_commit(&v, b);

	shim.after = NULL;
	return set;
}

static bool was_safe(void)
{
	return syncs > 0 && too_early == 0 && !unsynced;
}

static void always(const char *folder)
{
	struct sess_manager *m = site(folder, "always");
	struct browser b = { "" }, other = { "" };

	request(m, &b);
	sess_add(v.s, "visits", 1);
	tap_ok(answer(&b) && was_safe(), "always: a new session is on the disk before its cookie is set");
	visit_end(&v);
	request(m, &b);
	sess_add(v.s, "visits", 1);
	answer(&b);
	tap_ok(v.result == SESS_OK && was_safe(), "a change is, before the page is sent");
	visit_end(&v);
	shim.sync_pause_us = 100000;
	request(m, &b);
	sess_add(v.s, "visits", 1);
	answer(&b);
	tap_ok(v.result == SESS_OK && was_safe(), "however long the disk takes");
	visit_end(&v);
	shim.sync_pause_us = 0;
	shim.fail_only = "fdatasync";
	shim.error = EIO;
	shim.fail_on = true;
	shim.fail_at = 1;
	request(m, &b);
	sess_add(v.s, "visits", 1);
	tap_ok(!answer(&b) && v.result == SESS_UNAVAILABLE && v.head[0] == '\0',
	       "where the sync fails, the answer is an error without a cookie");
	visit_end(&v);
	request(m, &other);
	sess_add(v.s, "visits", 1);
	tap_ok(!answer(&other) && v.result == SESS_UNAVAILABLE && v.head[0] == '\0', "and no new session is told of");
	visit_end(&v);
	shim.fail_at = 0;
	request(m, &b);
	sess_add(v.s, "visits", 1);
	answer(&b);
	tap_ok(v.result == SESS_OK && was_safe(), "when the disk is back, so is the session");
	visit_end(&v);
	request(m, &b);
	sess_logout(v.s);
	answer(&b);
	tap_ok(v.result == SESS_OK && was_safe(), "a logout is on the disk before the cookie is taken back");
	visit_end(&v);
	sess_manager_close(m);
}

static void every_second(const char *folder)
{
	struct sess_manager *m = site(folder, "everysec");
	struct browser b = { "" };

	page_view(m, &b);
	shim.sync_pause_us = 300000;
	request(m, &b);
	sess_add(v.s, "visits", 1);
	answer(&b);
	tap_ok(v.result == SESS_OK && own_syncs == 0, "everysec: no request waits for the disk");
	visit_end(&v);
	shim.sync_pause_us = 0;
	sess_manager_close(m);
}

int main(void)
{
	char folder[64];

	if (!test_folder_make(folder))
		return 99;
	requester = pthread_self();
	always(folder);
	every_second(folder);
	test_folder_remove(folder);
	return tap_done();
}
