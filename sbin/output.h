/*
 * output.h - what a subcommand has found out, on standard output: lines for people, or one object in JSON.
 *
 * A struct output is zeroed but for json before output_begin.
 */
#ifndef SBIN_OUTPUT_H
#define SBIN_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

struct output {
	bool json;
	bool open;    /* an object has begun */
	bool follows; /* something stands before what comes next */
	bool in_item;
};

/* An object begins, and ends: more than one may follow each other, a line each. */
void output_begin(struct output *o);
void output_close(struct output *o);

/* Ends the last object. False if standard output could not be written to. */
bool output_end(struct output *o);

/* A number: called name in JSON, label for people. */
void output_number(struct output *o, const char *name, const char *label, uint64_t value);

/* A text: likewise; for people it is a line by itself, without the name. */
void output_text(struct output *o, const char *name, const char *text);

/* Likewise; for people it stands behind its label, as a number does. */
void output_pair(struct output *o, const char *name, const char *label, const char *text);

/* True or false, in JSON only. */
void output_truth(struct output *o, const char *name, bool truth);

/* An object called name, whose members the caller writes; in JSON only. */
void output_object(struct output *o, const char *name);
void output_object_end(struct output *o);

/* A list of objects called name. Between the calls of output_item and output_item_end stand the numbers and texts of one of them. */
void output_list(struct output *o, const char *name);
void output_item(struct output *o);
void output_item_end(struct output *o);
void output_list_end(struct output *o);

#endif
