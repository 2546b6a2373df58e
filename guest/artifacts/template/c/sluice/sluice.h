// What rules in C are made of: texts, findings and JSON. The types are those of validating.h, which wit-bindgen
// made of the contract; here they get shorter names.
//
// Memory. An instance lives for one call, and all it allocated goes with it: free nothing. What the host hands
// over (a change, settings, what `current` says) is yours; what you hand back must be from `malloc`, as all
// texts and findings made by these functions are. `configure` is the exception to the first: what it leaves in
// static variables and on the heap is what every call begins with.

#ifndef SLUICE_H
#define SLUICE_H

#include "validating.h"

typedef validating_string_t text;
typedef sluice_validator_types_change_t change;
typedef sluice_validator_types_document_t document;
typedef sluice_validator_types_edit_t edit;

// Findings, as many as there are; begin with `{0}`.
typedef sluice_validator_types_list_finding_t findings;
typedef sluice_validator_types_finding_t finding;

enum severity {
  ERROR = SLUICE_VALIDATOR_TYPES_SEVERITY_ERROR,
  WARNING = SLUICE_VALIDATOR_TYPES_SEVERITY_WARNING,
  INFO = SLUICE_VALIDATOR_TYPES_SEVERITY_INFO,
};

// A text of our own, as from printf.
text text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Adds a finding, and gives it for more to be said. `pointer` may be NULL.
finding *say(findings *all, enum severity severity, const char *code, const char *pointer, text message);
// Names the key a finding is about.
void on(finding *one, const text *key);
// Says what to do about it.
void help(finding *one, const char *sentence);

// What `describe` of the rule fills in; all three are needed.
typedef struct {
  const char *name, *version, *summary;
} about;

// The rule: three things that a project defines, in src/rule.c.
extern const about rule;
// Asked once, when a binding is published, with the settings as JSON; an error among the findings refuses it.
findings configure(const text *settings);
// Judges one change; an error among the findings rejects it, a warning lets it pass and is counted.
findings validate(const change *change);

// The value of a key before the change; false if it is absent, or may not be looked up.
bool current(const text *key, document *found);

// JSON. An object's names are in the order they are written; of a name that repeats, the last counts.
enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

typedef struct json {
  enum json_kind kind;
  bool boolean;
  double number;
  text string;        // of a string, its escapes resolved
  text name;          // of a member of an object
  struct json *first; // of arrays and objects
  struct json *next;  // in the same array or object
} json;

// Reads all of a text; NULL, and why, if it is no JSON or nested deeper than 128.
const json *json_read(const text *written, const char **why);
// A document's value; the same, and not if it is no text.
const json *json_of(const document *document, const char **why);
// A member of an object; NULL if it is none, or has none of that name.
const json *json_member(const json *object, const char *name);
// Whether it is a whole number from 0 that fits; `value` may be NULL.
bool json_is_count(const json *value, uint32_t *count);

#endif
