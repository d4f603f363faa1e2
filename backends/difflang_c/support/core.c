/// state
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A value that leaves the function: of a failed check, or for the host. */
typedef union { int64_t integer; double real; void *array; } dl_slot;

typedef struct dl_block { struct dl_block *previous; size_t used, size; } dl_block;

/* What one call works with: its memory, the values of a failure, and whom it may ask. */
typedef struct dl_state {
    dl_block *memory;
    dl_slot failed[16];
    int32_t (*host)(struct dl_state *state, int64_t call, dl_slot *slots);
} dl_state;

enum { DL_DONE = 0, DL_NO_MEMORY = -1, DL_HOST_FAILED = -2 };

static void dl_release_all(dl_state *state) {
    while (state->memory != NULL) {
        dl_block *block = state->memory;
        state->memory = block->previous;
        free(block);
    }
}

/// memory: state
typedef struct { dl_block *block; size_t used; } dl_mark;

/* The bytes of `count` elements, or a number that no allocation grants where it overflows. */
static inline size_t dl_bytes(int64_t count, size_t item) {
    if (count <= 0) return 0;
    return (uint64_t)count > ((size_t)1 << 46) / item ? SIZE_MAX / 2 : (size_t)count * item;
}

static inline int64_t dl_times(int64_t a, int64_t b) {
    if (a <= 0 || b <= 0) return 0;
    return a > INT64_MAX / b ? INT64_MAX : a * b;
}

static void *dl_allocate(dl_state *state, size_t bytes) {
    dl_block *block = state->memory;
    bytes = (bytes + 64) & ~(size_t)63;
    if (block == NULL || block->size - block->used < bytes) {
        size_t size = block == NULL ? 65536 : 2 * block->size;
        if (size > ((size_t)1 << 26)) size = (size_t)1 << 26;
        if (size < bytes) size = bytes;
        dl_block *made = size < SIZE_MAX / 4 ? malloc(64 + size) : NULL;
        if (made == NULL) return NULL;
        *made = (dl_block){block, 0, size};
        state->memory = block = made;
    }
    void *place = (char *)block + 64 + block->used;
    block->used += bytes;
    return place;
}

static inline dl_mark dl_here(const dl_state *state) {
    return (dl_mark){state->memory, state->memory == NULL ? 0 : state->memory->used};
}

static void dl_release(dl_state *state, dl_mark mark) {
    while (state->memory != mark.block) {
        dl_block *block = state->memory;
        state->memory = block->previous;
        free(block);
    }
    if (mark.block != NULL) mark.block->used = mark.used;
}

/// growable: memory
typedef struct { void *place; size_t size; } dl_growable;

/* Room for so many bytes, in amortised constant time for each. */
static bool dl_reserve(dl_growable *array, size_t bytes) {
    if (bytes <= array->size) return true;
    size_t size = bytes < 2 * array->size ? 2 * array->size : bytes;
    if (size < 1024) size = 1024;
    void *place = size < SIZE_MAX / 4 ? realloc(array->place, size) : NULL;
    if (place == NULL) return false;
    *array = (dl_growable){place, size};
    return true;
}

static void dl_drop(dl_growable *array) {
    free(array->place);
    *array = (dl_growable){NULL, 0};
}

/// show: state
#include <inttypes.h>
#include <stdio.h>

/* Numbers as a program prints them: the shortest digits that give the number back. */
static void dl_show_real(FILE *stream, double value) {
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    fprintf(stream, "%s%s", text, strpbrk(text, ".ein") ? "" : ".0");
}

static void dl_show_integer(FILE *stream, int64_t value) { fprintf(stream, "%" PRId64, value); }

static void dl_show_truth(FILE *stream, bool value) { fputs(value ? "true" : "false", stream); }
