/*
 * transfer.h - the form of what export writes and import reads: JSON lines. The first is {"format":"sesame-export","version":1}; each of
 * the others is a record:
 *
 *     {"key":HEX,"created":T,"used":T,"idle_deadline":T,"final_deadline":T,"fields":[FIELD,...]}
 *
 * A FIELD has its name as "name", or "name_base64" where that is no text; its value as "integer", "text" or "base64"; and "until" if it has
 * a deadline of its own. A deadline that does not come is left out. T are Unix seconds.
 */
#ifndef SBIN_TRANSFER_H
#define SBIN_TRANSFER_H

#define TRANSFER_HEAD "{\"format\":\"sesame-export\",\"version\":1}"

#endif
