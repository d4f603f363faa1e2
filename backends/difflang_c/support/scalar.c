/// sign
static inline double dl_sign(double a) { return a > 0 ? 1.0 : a < 0 ? -1.0 : a + 0.0; }

/// max
static inline double dl_max(double a, double b) { return isnan(a) ? a : a > b ? a : b; }

/// min
static inline double dl_min(double a, double b) { return isnan(a) ? a : a < b ? a : b; }

/// floor_divide
/* The quotient rounded down; the divisor is not 0, and the smallest integer by -1 wraps. */
static inline int64_t dl_floor_divide(int64_t a, int64_t b) {
    if (b == -1) return (int64_t)(0 - (uint64_t)a);
    int64_t q = a / b, r = a % b;
    return r != 0 && (r ^ b) < 0 ? q - 1 : q;
}

/// modulo
static inline int64_t dl_modulo(int64_t a, int64_t b) {
    if (b == -1) return 0;
    int64_t r = a % b;
    return r != 0 && (r ^ b) < 0 ? r + b : r;
}

/// modulo_real
/* The remainder of a floored division: the sign is the divisor's. */
static inline double dl_modulo_real(double a, double b) {
    double r = fmod(a, b);
    if (r == 0) return copysign(0.0, b);
    return (r < 0) != (b < 0) ? r + b : r;
}

/// floor_divide_real: modulo_real
static inline double dl_floor_divide_real(double a, double b) {
    if (b == 0) return a / b;
    double r = fmod(a, b);
    double q = (a - r) / b;
    if (r != 0 && (r < 0) != (b < 0)) q -= 1.0;
    if (q == 0) return copysign(0.0, a / b);
    double whole = floor(q);
    return q - whole > 0.5 ? whole + 1.0 : whole;
}

/// power
/* a ** n by squaring; the power of an integer to a negative number is what is left of a fraction: 0, or 1 and -1. */
static inline int64_t dl_power(int64_t a, int64_t n) {
    if (n < 0) return a == 1 ? 1 : a == -1 ? (n & 1 ? -1 : 1) : 0;
    uint64_t result = 1, square = (uint64_t)a;
    for (; n > 0; n >>= 1, square *= square) if (n & 1) result *= square;
    return (int64_t)result;
}

/// gaussian
/* exp(-a^2), corrected for what rounding takes from a^2. */
static inline double dl_gaussian(double a) {
    double square = a * a;
    return square > 800.0 ? 0.0 : exp(-square) * (1.0 - fma(a, a, -square));
}

/// sigmoid
static inline double dl_sigmoid(double a) {
    double e = exp(-fabs(a));
    return a >= 0 ? 1.0 / (1.0 + e) : isnan(a) ? a : e / (1.0 + e);
}

/// softplus
static inline double dl_softplus(double a) { return isnan(a) ? a : fmax(a, 0.0) + log1p(exp(-fabs(a))); }

/// to_integer
/* Towards zero; what is too large saturates, NaN gives 0. */
static inline int64_t dl_to_integer(double a, int64_t low, int64_t high) {
    if (isnan(a)) return 0;
    return a <= (double)low ? low : a >= (double)high ? high : (int64_t)a;
}

/// digamma
/* The asymptotic series (Abramowitz and Stegun 6.3.18) above 10, the recurrence up to there, reflection below 0. */
static double dl_digamma(double x) {
    double result = 0.0;
    if (x == 0) return copysign(INFINITY, -x);
    if (x < 0) {
        if (x == floor(x)) return NAN;
        result = -3.14159265358979323846 / tan(3.14159265358979323846 * (x - floor(x)));
        x = 1.0 - x;
    }
    for (; x < 10; x += 1) result -= 1.0 / x;
    double s = 1.0 / (x * x);
    double series = s * (1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - s * (1.0 / 132 -
        s * (691.0 / 32760 - s / 12))))));
    return result + log(x) - 0.5 / x - series;
}

/// polygamma: digamma
/* (-1)^(n+1) n! zeta(n+1, x), the Hurwitz zeta by the sum of Euler and Maclaurin. */
static double dl_polygamma(int64_t n, double x) {
    static const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6,
                                       -3617.0 / 510, 43867.0 / 798, -174611.0 / 330};
    if (n == 0) return dl_digamma(x);
    if (x <= 0 && x == floor(x)) return n % 2 ? INFINITY : NAN;
    double s = (double)n + 1, zeta = 0.0;
    if (x < 0) {
        for (; x < 0; x += 1) zeta += pow(x, -s);
    }
    for (int k = 0; k < 20; k++, x += 1) zeta += pow(x, -s);
    zeta += pow(x, 1 - s) / (s - 1) + 0.5 * pow(x, -s);
    double factor = s * pow(x, -s - 1) / 2;
    for (int j = 0; j < 10; j++) {
        zeta += bernoulli[j] * factor;
        factor *= (s + 2 * j + 1) * (s + 2 * j + 2) / (x * x * (2 * j + 3) * (2 * j + 4));
    }
    return (n % 2 ? 1.0 : -1.0) * tgamma(s) * zeta;
}

/// random_bits
/* Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw 2011). */
static inline int64_t dl_random_bits(int64_t key, int64_t counter) {
    static const int rotations[8] = {13, 15, 26, 6, 17, 29, 16, 24};
    uint32_t k[3] = {(uint32_t)((uint64_t)key >> 32), (uint32_t)key, 0};
    k[2] = k[0] ^ k[1] ^ 0x1BD11BDAu;
    uint32_t x = (uint32_t)((uint64_t)counter >> 32) + k[0], y = (uint32_t)counter + k[1];
    for (int round = 0; round < 20; round++) {
        int by = rotations[round % 8];
        x += y;
        y = ((y << by) | (y >> (32 - by))) ^ x;
        if (round % 4 == 3) {
            int s = round / 4 + 1;
            x += k[s % 3];
            y += k[(s + 1) % 3] + (uint32_t)s;
        }
    }
    return (int64_t)((uint64_t)x << 32 | y);
}
