//! The program: arguments in, text and exit codes out.
