// Refuses pools larger than the database takes, and pools that grow too fast at once.

#include "../sluice/sluice.h"

#include <string.h>

const about rule = {
    .name = "{name}",
    .version = "0.1.0",
    .summary = "Refuses pools larger than the database takes, and pools that grow too fast",
};

// What the binding sets. Each change is judged in a fresh copy of what `configure` leaves here.
static struct {
  uint32_t connections_max; // connections the database takes
  double growth_max;        // how many times as many a change may ask for as there were
} settings;

findings configure(const text *written) {
  findings found = {0};
  const char *why = NULL;
  const json *given = json_read(written, &why);
  const json *most = json_member(given, "connections_max"), *growth = json_member(given, "growth_max");
  if (most == NULL || growth == NULL) {
    say(&found, ERROR, "settings", "", text_of("wants an object with connections_max and growth_max"));
  } else if (!json_is_count(most, &settings.connections_max)) {
    say(&found, ERROR, "settings", "/connections_max", text_of("is no whole number from 0 to 2^32 - 1"));
  } else if (growth->kind != JSON_NUMBER) {
    say(&found, ERROR, "settings", "/growth_max", text_of("is no number"));
  } else if (growth->number < 1) {
    say(&found, ERROR, "settings", "/growth_max", text_of("is less than 1, so nothing may stay as it is"));
  } else {
    settings.growth_max = growth->number;
    // Two names are known, and both are there: whatever is more is unknown, or said twice.
    bool has_more = given->first->next->next != NULL;
    if (has_more) say(&found, ERROR, "settings", "", text_of("has more than connections_max and growth_max"));
  }
  return found;
}

// The connections a document asks for, or why and where it does not say. What the rule does not need is left to
// others.
static bool pool(const document *document, uint32_t *connections, const char **why, const char **pointer) {
  const json *value = json_of(document, why), *member = json_member(value, "connections");
  if (value == NULL) return false;
  *why = member == NULL ? "wants an object with connections" : "is no whole number from 0 to 2^32 - 1";
  *pointer = member == NULL ? "" : "/connections";
  return json_is_count(member, connections);
}

static finding *judge(const edit *edit, findings *found) {
  // A delete has no new document, and is fine.
  if (!edit->new_.is_some) return NULL;
  const char *why = NULL, *pointer = NULL;
  uint32_t connections, before;
  if (!pool(&edit->new_.val, &connections, &why, &pointer)) {
    return say(found, ERROR, "parse", pointer, text_of("%s", why));
  }
  if (connections > settings.connections_max) {
    text message = text_of("%u connections: the database takes %u", connections, settings.connections_max);
    return say(found, ERROR, "too-many", "/connections", message);
  }
  // An old document that does not parse was there before this rule, and cannot be grown from.
  document old;
  bool is_update = current(&edit->key, &old) && pool(&old, &before, &why, &pointer);
  if (is_update && connections > before * settings.growth_max) {
    text message = text_of(
        "%u connections after %u: at most %g times as many at once", connections, before, settings.growth_max);
    finding *fast = say(found, ERROR, "too-fast", "/connections", message);
    help(fast, "grow in steps");
    return fast;
  }
  return NULL;
}

// One change: every document under the keys of the binding, new beside old.
findings validate(const change *change) {
  findings found = {0};
  for (size_t at = 0; at < change->edits.len; at++) {
    const edit *edit = &change->edits.ptr[at];
    finding *one = edit->bound ? judge(edit, &found) : NULL;
    if (one != NULL) on(one, &edit->key);
  }
  return found;
}
