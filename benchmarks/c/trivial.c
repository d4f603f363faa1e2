/* A function that costs nothing: what remains is the call. */

double trivial(double a, double b, double c, double d) { return a * b + c * d; }
