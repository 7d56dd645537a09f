//! Which layers an image has, what is in each, and under which key: a pure function of recipe and lock.
