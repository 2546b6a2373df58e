// A reader of JSON (RFC 8259) into a tree.

#include "sluice.h"

#include <stdlib.h>
#include <string.h>

// What a stack of 64 KiB carries, with room to spare.
#define DEPTH_MAX 128

typedef struct {
  const char *at, *end;
  const char *why;
} reader;

static json *value(reader *in, int depth);

static void *fault(reader *in, const char *why) {
  if (in->why == NULL) in->why = why;
  return NULL;
}

static void *zeroed(size_t bytes) {
  void *memory = calloc(1, bytes);
  if (memory == NULL) abort();
  return memory;
}

static void space(reader *in) {
  while (in->at < in->end && memchr(" \t\r\n", *in->at, 4) != NULL) in->at++;
}

static bool takes(reader *in, char wanted) {
  bool is_there = in->at < in->end && *in->at == wanted;
  in->at += is_there;
  return is_there;
}

static bool digits(reader *in) {
  const char *from = in->at;
  while (in->at < in->end && *in->at >= '0' && *in->at <= '9') in->at++;
  return in->at > from;
}

static json *word(reader *in, const char *wanted, enum json_kind kind, bool boolean) {
  size_t bytes = strlen(wanted);
  if ((size_t)(in->end - in->at) < bytes || memcmp(in->at, wanted, bytes) != 0) return fault(in, "expected a value");
  in->at += bytes;
  json *made = zeroed(sizeof *made);
  made->kind = kind;
  made->boolean = boolean;
  return made;
}

// Not inlined: strtod takes 8 KiB of stack, and `value`, which recurses, would take them at each level.
__attribute__((noinline)) static json *number(reader *in) {
  const char *from = in->at;
  takes(in, '-');
  bool is_right = takes(in, '0') || digits(in);
  if (is_right && takes(in, '.')) is_right = digits(in);
  if (is_right && (takes(in, 'e') || takes(in, 'E'))) {
    if (!takes(in, '+')) takes(in, '-');
    is_right = digits(in);
  }
  if (!is_right) return fault(in, "expected a number");
  // strtod wants a zero behind it, and the text need not have one.
  size_t bytes = (size_t)(in->at - from);
  char *copy = zeroed(bytes + 1);
  memcpy(copy, from, bytes);
  json *made = zeroed(sizeof *made);
  made->kind = JSON_NUMBER;
  made->number = strtod(copy, NULL);
  return made;
}

// Four hexadecimal digits; -1 if they are not.
static int32_t unit(reader *in) {
  int32_t code = 0;
  for (int at = 0; at < 4; at++) {
    const char *hex = "0123456789abcdef", *found;
    if (in->at == in->end || *in->at == '\0') return -1;
    found = strchr(hex, *in->at >= 'A' && *in->at <= 'F' ? *in->at + 32 : *in->at);
    if (found == NULL) return -1;
    code = code * 16 + (int32_t)(found - hex);
    in->at++;
  }
  return code;
}

static uint8_t *encoded(uint8_t *to, int32_t code) {
  int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const uint8_t heads[] = {0, 0xc0, 0xe0, 0xf0};
  *to++ = (uint8_t)(heads[more] | code >> (6 * more));
  while (more-- > 0) *to++ = (uint8_t)(0x80 | (code >> (6 * more) & 0x3f));
  return to;
}

static uint8_t *escape(reader *in, uint8_t *to) {
  static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
  if (in->at == in->end || *in->at == '\0') return fault(in, "expected an escape");
  char name = *in->at++;
  const char *found = strchr(names, name);
  if (found != NULL) {
    *to++ = (uint8_t)bytes[found - names];
    return to;
  }
  int32_t code = name == 'u' ? unit(in) : -1;
  if (code >= 0xd800 && code < 0xdc00) {
    int32_t low = takes(in, '\\') && takes(in, 'u') ? unit(in) : -1;
    code = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : -1;
  } else if (code >= 0xdc00 && code < 0xe000) {
    code = -1;
  }
  return code < 0 ? fault(in, "expected an escape") : encoded(to, code);
}

// Resolving an escape never makes a text longer, so the bytes up to the closing quote are room enough.
static bool string(reader *in, text *made) {
  if (!takes(in, '"')) return fault(in, "expected a string") != NULL;
  const char *end = in->at;
  while (end < in->end && *end != '"') end += *end == '\\' && end + 1 < in->end ? 2 : 1;
  uint8_t *to = zeroed((size_t)(end - in->at) + 1);
  made->ptr = to;
  while (in->at < in->end && *in->at != '"') {
    if ((unsigned char)*in->at < 0x20) return fault(in, "a control character in a string") != NULL;
    if (takes(in, '\\')) {
      to = escape(in, to);
      if (to == NULL) return false;
    } else {
      *to++ = (uint8_t)*in->at++;
    }
  }
  made->len = (size_t)(to - made->ptr);
  return takes(in, '"') || fault(in, "expected the end of a string") != NULL;
}

// An array or an object: values between brackets, those of an object with their names.
static json *list(reader *in, enum json_kind kind, int depth) {
  char end = kind == JSON_ARRAY ? ']' : '}';
  json *made = zeroed(sizeof *made), **last = &made->first;
  made->kind = kind;
  if (depth == DEPTH_MAX) return fault(in, "nested too deeply");
  in->at++;
  space(in);
  if (takes(in, end)) return made;
  do {
    text name = {0};
    space(in);
    if (kind == JSON_OBJECT) {
      if (!string(in, &name)) return NULL;
      space(in);
      if (!takes(in, ':')) return fault(in, "expected :");
    }
    json *item = value(in, depth + 1);
    if (item == NULL) return NULL;
    item->name = name;
    *last = item;
    last = &item->next;
  } while (takes(in, ','));
  return takes(in, end) ? made : fault(in, "expected , or the end of a list");
}

static json *value(reader *in, int depth) {
  json *made = NULL;
  space(in);
  switch (in->at < in->end ? *in->at : '\0') {
    case '{': made = list(in, JSON_OBJECT, depth); break;
    case '[': made = list(in, JSON_ARRAY, depth); break;
    case 't': made = word(in, "true", JSON_BOOL, true); break;
    case 'f': made = word(in, "false", JSON_BOOL, false); break;
    case 'n': made = word(in, "null", JSON_NULL, false); break;
    case '"':
      made = zeroed(sizeof *made);
      made->kind = JSON_STRING;
      if (!string(in, &made->string)) return NULL;
      break;
    default: made = number(in);
  }
  space(in);
  return made;
}

const json *json_read(const text *written, const char **why) {
  const char *from = (const char *)written->ptr;
  reader in = {from, from + written->len, NULL};
  const json *made = value(&in, 0);
  if (made != NULL && in.at != in.end) made = fault(&in, "expected the end");
  if (made == NULL) *why = in.why;
  return made;
}

const json *json_of(const document *document, const char **why) {
  if (document->body.tag == SLUICE_VALIDATOR_TYPES_CONTENT_TEXT) return json_read(&document->body.val.text, why);
  *why = "the value is not UTF-8 text";
  return NULL;
}

const json *json_member(const json *object, const char *name) {
  const json *found = NULL;
  if (object == NULL || object->kind != JSON_OBJECT) return NULL;
  size_t bytes = strlen(name);
  for (const json *member = object->first; member != NULL; member = member->next) {
    if (member->name.len == bytes && memcmp(member->name.ptr, name, bytes) == 0) found = member;
  }
  return found;
}

bool json_is_count(const json *value, uint32_t *count) {
  if (value == NULL || value->kind != JSON_NUMBER) return false;
  double number = value->number;
  bool fits = number >= 0 && number <= UINT32_MAX && number == (double)(uint32_t)number;
  if (fits && count != NULL) *count = (uint32_t)number;
  return fits;
}
