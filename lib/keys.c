/* keys.c - replaces the signer under way. */

#include "lib/keys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/config.h"
#include "lib/keyring.h"
#include "lib/signer.h"
#include "lib/why.h"

#define SLOTS 16u
#define ALL_SLOTS ((1u << SLOTS) - 1u)

/* How many threads of this slot are using a signer. A cache line each, so that threads do not disturb each other. */
struct slot {
	_Alignas(64) atomic_uint users;
};

/* A replaced signer. A slot that was seen without users since then cannot have one that uses it. */
struct retired {
	struct retired *next;
	struct signer *signer;
	unsigned slots_seen_free;
};

struct keys {
	struct slot slots[SLOTS];
	_Atomic(struct signer *) current;
	_Atomic int64_t looked;
	pthread_mutex_t lock; /* for all that follows */
	struct keyring_source *source;
	struct keyring *ring;
	struct retired *retired;
	struct signer_options options;
	bool troubled;
	struct sess_why trouble;
};

static struct slot *own_slot(struct keys *k)
{
	return &k->slots[crypto_thread_number() % SLOTS];
}

/* Counting comes before looking, both in one order that all threads see: who replaces the signer sees either the count or nobody. */
const struct signer *keys_begin(struct keys *k)
{
	atomic_fetch_add(&own_slot(k)->users, 1);
	return atomic_load(&k->current);
}

void keys_end(struct keys *k)
{
	atomic_fetch_sub(&own_slot(k)->users, 1);
}

/* ---- replacing ------------------------------------------------------------------------------------------------------ */

static void retire(struct keys *k, struct retired *retired, struct signer *signer)
{
	retired->signer = signer;
	retired->slots_seen_free = 0;
	retired->next = k->retired;
	k->retired = retired;
}

/* Frees those retired that nobody uses any more. */
static void release(struct keys *k)
{
	unsigned seen_free = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		if (atomic_load(&k->slots[i].users) == 0)
			seen_free |= 1u << i;
	for (struct retired **link = &k->retired; *link;) {
		struct retired *retired = *link;

		retired->slots_seen_free |= seen_free;
		if (retired->slots_seen_free != ALL_SLOTS) {
			link = &retired->next;
			continue;
		}
		*link = retired->next;
		signer_free(retired->signer);
		free(retired);
	}
}

/* Takes ring, or frees it. */
static int replace(struct keys *k, struct keyring *ring)
{
	struct retired *retired = malloc(sizeof(*retired));
	struct signer *signer = retired ? signer_new(ring, &k->options) : NULL;

	if (!signer) {
		free(retired);
		keyring_free(ring);
		keyring_source_forget(k->source);
		return SESS_MEMORY;
	}
	retire(k, retired, atomic_exchange(&k->current, signer));
	keyring_free(k->ring);
	k->ring = ring;
	return SESS_OK;
}

static void read_again(struct keys *k)
{
	struct keyring *ring;
	int status = keyring_source_read(k->source, false, &ring, &k->trouble);

	if (status == SESS_OK && keyring_same(ring, k->ring))
		keyring_free(ring);
	else if (status == SESS_OK)
		status = replace(k, ring);
	if (status == SESS_MEMORY)
		why_write(&k->trouble, "out of memory while reading the keys anew");
	k->troubled = status != SESS_OK;
}

void keys_look(struct keys *k, int64_t now)
{
	int64_t looked = atomic_load_explicit(&k->looked, memory_order_relaxed);

	if (looked == now || !atomic_compare_exchange_strong(&k->looked, &looked, now) || pthread_mutex_trylock(&k->lock) != 0)
		return;
	if (keyring_source_changed(k->source))
		read_again(k);
	if (k->retired)
		release(k);
	pthread_mutex_unlock(&k->lock);
}

bool keys_trouble(struct keys *k, struct sess_why *why)
{
	bool troubled;

	pthread_mutex_lock(&k->lock);
	troubled = k->troubled;
	if (troubled && why)
		*why = k->trouble;
	pthread_mutex_unlock(&k->lock);
	return troubled;
}

/* ---- opening -------------------------------------------------------------------------------------------------------- */

static int read_first(struct keys *k, struct config *c, bool make, struct sess_why *why)
{
	bool given = config_is_set(c, CONFIG_SECRET_KEY), allow_weak = config_number(c, CONFIG_ALLOW_WEAK_SECRET) == 1, weak = false;
	const char *secret = config_text(c, CONFIG_SECRET_KEY);
	const char *fault = given ? keyring_key_fault(secret, allow_weak, &weak) : NULL;
	int status;

	if (fault)
		return config_refuse(c, CONFIG_SECRET_KEY, why, "%s", fault);
	k->source = keyring_source_new(given ? secret : NULL, config_text(c, CONFIG_SECRET_KEY_FILE), allow_weak);
	if (!k->source)
		return SESS_MEMORY;
	status = keyring_source_read(k->source, make, &k->ring, why);
	if (status != SESS_OK)
		return status;
	if (k->ring->weak &&
	    !config_note(c, "WARNING: a weak secret key is in use (ALLOW_WEAK_SECRET=true): who guesses it can be any visitor"))
		return SESS_MEMORY;
	k->current = signer_new(k->ring, &k->options);
	return k->current ? SESS_OK : SESS_MEMORY;
}

static int open_keys(struct keys **ret, struct config *c, bool make, struct sess_why *why)
{
	struct keys *k = aligned_alloc(64, sizeof(*k));
	int status;

	if (!k) {
		why_write(why, "out of memory");
		return SESS_MEMORY;
	}
	*k = (struct keys){ .options = {
		                .layout =
		                    config_number(c, CONFIG_COOKIE_FORMAT) == CONFIG_FORMAT_JUSTPY ? SIGNER_JUSTPY : SIGNER_TIMESTAMPED,
		                .accept_justpy = config_number(c, CONFIG_COOKIE_ACCEPT_JUSTPY) == 1,
		                .cookie_name = config_text(c, CONFIG_SESSION_COOKIE_NAME),
		                .lifetime = config_number(c, CONFIG_COOKIE_MAX_AGE),
		            } };
	pthread_mutex_init(&k->lock, NULL);
	status = read_first(k, c, make, why);
	if (status == SESS_MEMORY)
		why_write(why, "out of memory");
	if (status != SESS_OK) {
		keys_close(k);
		return status;
	}
	*ret = k;
	return SESS_OK;
}

int keys_open(struct keys **ret, struct config *c, struct sess_why *why)
{
	return open_keys(ret, c, true, why);
}

int keys_open_existing(struct keys **ret, struct config *c, struct sess_why *why)
{
	return open_keys(ret, c, false, why);
}

void keys_close(struct keys *k)
{
	if (!k)
		return;
	while (k->retired) {
		struct retired *next = k->retired->next;

		signer_free(k->retired->signer);
		free(k->retired);
		k->retired = next;
	}
	signer_free(k->current);
	keyring_free(k->ring);
	keyring_source_free(k->source);
	pthread_mutex_destroy(&k->lock);
	free(k);
}
