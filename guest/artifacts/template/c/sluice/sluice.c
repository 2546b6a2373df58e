// Texts and findings, and the rule as the component exports it.

#include "sluice.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// There is nobody to give memory back, so where there is none the call ends.
static void *memory(void *old, size_t bytes) {
  void *new = realloc(old, bytes);
  if (new == NULL && bytes > 0) abort();
  return new;
}

text text_of(const char *format, ...) {
  va_list given, again;
  va_start(given, format);
  va_copy(again, given);
  int bytes = vsnprintf(NULL, 0, format, given);
  if (bytes < 0) abort();
  text made = {memory(NULL, (size_t)bytes + 1), (size_t)bytes};
  vsnprintf((char *)made.ptr, (size_t)bytes + 1, format, again);
  va_end(again);
  va_end(given);
  return made;
}

finding *say(findings *all, enum severity severity, const char *code, const char *pointer, text message) {
  all->ptr = memory(all->ptr, (all->len + 1) * sizeof *all->ptr);
  finding *one = &all->ptr[all->len++];
  *one = (finding){.severity = severity, .code = text_of("%s", code), .message = message};
  if (pointer != NULL) one->pointer = (validating_option_string_t){true, text_of("%s", pointer)};
  return one;
}

void on(finding *one, const text *key) {
  one->key = (validating_option_string_t){true, text_of("%.*s", (int)key->len, (const char *)key->ptr)};
}

void help(finding *one, const char *sentence) {
  one->help = (validating_option_string_t){true, text_of("%s", sentence)};
}

bool current(const text *key, document *found) {
  text asked = *key;
  return sluice_validator_current_get(&asked, found);
}

void exports_sluice_validator_validator_describe(exports_sluice_validator_validator_description_t *described) {
  memset(described, 0, sizeof *described);
  described->name = text_of("%s", rule.name);
  described->version = text_of("%s", rule.version);
  described->summary = text_of("%s", rule.summary);
}

static uint8_t worst(const findings *all) {
  uint8_t worst = SLUICE_VALIDATOR_TYPES_SEVERITY_INFO;
  for (size_t at = 0; at < all->len; at++) {
    if (all->ptr[at].severity < worst) worst = all->ptr[at].severity;
  }
  return worst;
}

// Whether `configure` was content: a rule is not asked about changes with settings it refused.
static bool is_configured;

bool exports_sluice_validator_validator_configure(
    validating_string_t *settings, exports_sluice_validator_validator_list_finding_t *found,
    exports_sluice_validator_validator_fault_t *fault) {
  (void)fault;
  findings said = configure(settings);
  found->ptr = said.ptr;
  found->len = said.len;
  is_configured = worst(&said) != SLUICE_VALIDATOR_TYPES_SEVERITY_ERROR;
  return true;
}

bool exports_sluice_validator_validator_validate(
    exports_sluice_validator_validator_change_t *change, exports_sluice_validator_validator_verdict_t *verdict,
    exports_sluice_validator_validator_fault_t *fault) {
  if (!is_configured) {
    fault->tag = SLUICE_VALIDATOR_TYPES_FAULT_INTERNAL;
    fault->val.internal = text_of("it was not configured");
    return false;
  }
  // By severity, from error to info.
  static const uint8_t decisions[] = {
      SLUICE_VALIDATOR_TYPES_DECISION_REJECT,
      SLUICE_VALIDATOR_TYPES_DECISION_WARN,
      SLUICE_VALIDATOR_TYPES_DECISION_ACCEPT,
  };
  verdict->findings = validate(change);
  verdict->decision = decisions[worst(&verdict->findings)];
  return true;
}
