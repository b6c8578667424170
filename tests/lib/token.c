/*
 * token.c - our side of the conversation with itsdangerous, for itsdangerous.sh: token FORMAT COOKIE_NAME NOW KEY... reads lines "sign ID"
 * and "verify TOKEN", and answers each with a line: the token, or the verdict with id and time.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/keyring.h"
#include "lib/signer.h"

static void verify(const struct signer *s, const char *text, int64_t now)
{
	struct signer_token token;

	switch (signer_verify(s, text, strlen(text), now, &token)) {
	case SIGNER_GOOD:
		printf("good %s %lld%s\n", token.id, (long long)token.issued, token.outdated ? " outdated" : "");
		break;
	case SIGNER_EXPIRED:
		printf("expired\n");
		break;
	case SIGNER_FORGED:
		printf("forged\n");
		break;
	}
}

int main(int argc, char **argv)
{
	static struct keyring ring;
	struct signer_options options = { .lifetime = 604800 };
	char line[512], token[SIGNER_TOKEN_SIZE];
	struct signer *s;
	int64_t now;

	if (argc < 5 || argc > 20)
		return 2;
	options.layout = strcmp(argv[1], "justpy") == 0 ? SIGNER_JUSTPY : SIGNER_TIMESTAMPED;
	options.cookie_name = argv[2];
	now = strtoll(argv[3], NULL, 10);
	for (int i = 4; i < argc; i++)
		ring.keys[ring.count++] = (struct keyring_key){ argv[i], strlen(argv[i]), INT64_MAX, false };
	s = signer_new(&ring, &options);
	while (s && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "sign ", 5) == 0 && strlen(line) == 5 + SIGNER_ID_LENGTH) {
			signer_sign(s, line + 5, now, token);
			printf("%s\n", token);
		} else {
			verify(s, line + (strncmp(line, "verify ", 7) == 0 ? 7 : 0), now);
		}
		fflush(stdout);
	}
	signer_free(s);
	return 0;
}
