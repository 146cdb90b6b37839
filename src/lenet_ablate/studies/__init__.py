"""A sweep as data, and what of it is finished."""
