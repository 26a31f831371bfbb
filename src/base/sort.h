/*
 * Merge sort in memory of the caller's: stable, and of n log n comparisons whatever the input.
 */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stddef.h>

/* As for qsort(): below 0 if a comes first, above if b does, 0 if both are alike. */
typedef int sort_order(const void *a, const void *b);

/* Sorts n items of so many bytes each; spare has room for as many, and neither overlaps the other.
 * Returns which of the two holds the result; what is in the other is lost. */
void *sort_merge(void *items, void *spare, size_t n, size_t size, sort_order *order);

#endif
