/* field.c - reading and changing the fields of a session. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/session.h"

/* ---- reading -------------------------------------------------------------------------------------------------------- */

/* The field called name as this request has to see it: as stored, then with its own changes until they are stored themselves. */
static struct change_view look(struct sess *s, const char *name)
{
	static const struct change_view nothing;
	const uint8_t *octets;

	if (s->state == SESS_STATE_OFF || s->state == SESS_STATE_FORGED || (s->committed && s->result != SESS_OK))
		return nothing;
	s->used = true;
	session_load(s);
	if (s->state == SESS_STATE_GONE || s->state == SESS_STATE_UNAVAILABLE)
		return nothing;
	octets = s->current->size > 0 ? s->current->octets : NULL;
	return change_look(s->committed ? NULL : &s->changes, octets, name, strlen(name), s->now);
}

/* As look, for a program, to which our own fields are not there. */
static struct change_view look_public(struct sess *s, const char *name)
{
	static const struct change_view nothing;

	return name[0] == '.' ? nothing : look(s, name);
}

const char *session_text(struct sess *s, const char *name)
{
	struct change_view view = look(s, name);

	return view.there && view.type == RECORD_OCTETS ? view.octets : NULL;
}

int64_t session_number(struct sess *s, const char *name)
{
	struct change_view view = look(s, name);

	return view.there && view.type == RECORD_INTEGER ? view.number : 0;
}

int64_t sess_int(struct sess *s, const char *name, int64_t otherwise)
{
	struct change_view view = look_public(s, name);

	return view.there && view.type == RECORD_INTEGER ? view.number : otherwise;
}

const char *sess_str(struct sess *s, const char *name, const char *otherwise)
{
	struct change_view view = look_public(s, name);

	return view.there && view.type == RECORD_OCTETS ? view.octets : otherwise;
}

const void *sess_bytes(struct sess *s, const char *name, size_t *size)
{
	struct change_view view = look_public(s, name);
	bool there = view.there && view.type == RECORD_OCTETS;

	*size = there ? view.size : 0;
	return there ? view.octets : NULL;
}

/* ---- changing ------------------------------------------------------------------------------------------------------- */

static bool name_valid(const char *name, size_t size)
{
	return size > 0 && size <= SESS_NAME_MAX && name[0] != '.';
}

static int remember(struct sess *s, int error)
{
	if (s->error == SESS_OK)
		s->error = error;
	return s->error;
}

static int record_change(struct sess *s, const char *name, struct store_change change)
{
	size_t name_size = strlen(name);

	if (s->state == SESS_STATE_OFF)
		return SESS_OFF;
	if (s->committed)
		return SESS_ENDED;
	s->used = true;
	if (!name_valid(name, name_size))
		return remember(s, SESS_NAME);
	change.name = name;
	change.name_size = (uint8_t)name_size;
	change.until = RECORD_NEVER;
	return remember(s, change_add(&s->changes, &change));
}

int sess_add(struct sess *s, const char *name, int64_t delta)
{
	return record_change(s, name, (struct store_change){ .what = STORE_ADD, .number = delta });
}

int sess_set_int(struct sess *s, const char *name, int64_t value)
{
	return record_change(s, name, (struct store_change){ .what = STORE_SET_INTEGER, .number = value });
}

/* An error that is found before there is a change. */
int session_refuse(struct sess *s, int error)
{
	if (s->state == SESS_STATE_OFF)
		return SESS_OFF;
	return s->committed ? SESS_ENDED : remember(s, error);
}

int sess_set_bytes(struct sess *s, const char *name, const void *value, size_t size)
{
	if (!value && size > 0)
		return session_refuse(s, SESS_TYPE);
	if (size >= SESS_RECORD_MAX)
		return session_refuse(s, SESS_TOO_LARGE);
	return record_change(s, name, (struct store_change){ .what = STORE_SET_OCTETS, .octets = value, .size = (uint32_t)size });
}

int sess_set(struct sess *s, const char *name, const char *value)
{
	return value ? sess_set_bytes(s, name, value, strlen(value)) : session_refuse(s, SESS_TYPE);
}

int sess_setf(struct sess *s, const char *name, const char *format, ...)
{
	va_list arguments;
	char *text;
	int size;

	va_start(arguments, format);
	size = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (size < 0)
		return session_refuse(s, SESS_MEMORY);
	size = sess_set_bytes(s, name, text, (size_t)size);
	free(text);
	return size;
}

int sess_unset(struct sess *s, const char *name)
{
	return record_change(s, name, (struct store_change){ .what = STORE_UNSET });
}

const char *sess_pop(struct sess *s, const char *name, const char *otherwise)
{
	struct change_view view = look_public(s, name);

	if (view.there)
		sess_unset(s, name);
	return view.there && view.type == RECORD_OCTETS ? view.octets : otherwise;
}
