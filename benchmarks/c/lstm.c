/* ADBench LSTM: objective and gradient in `main` and `extra`, by backpropagation through time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a cell keeps for the way back, rows of b. */
enum { INPUT, OLD_OUTPUT, OLD_MEMORY, FORGET, IN, OUT, CHANGE, SQUASHED, KEPT };

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void cell(int b, const double *w, const double *v, const double *z, double *h, double *s, double *kept) {
    memcpy(kept + INPUT * b, z, sizeof(double) * b);
    memcpy(kept + OLD_OUTPUT * b, h, sizeof(double) * b);
    memcpy(kept + OLD_MEMORY * b, s, sizeof(double) * b);
    for (int j = 0; j < b; j++) {
        double forget = sigmoid(z[j] * w[j] + v[j]), in = sigmoid(h[j] * w[b + j] + v[b + j]);
        double out = sigmoid(z[j] * w[2 * b + j] + v[2 * b + j]), change = tanh(h[j] * w[3 * b + j] + v[3 * b + j]);
        s[j] = s[j] * forget + in * change;
        double squashed = tanh(s[j]);
        h[j] = out * squashed;
        kept[FORGET * b + j] = forget;
        kept[IN * b + j] = in;
        kept[OUT * b + j] = out;
        kept[CHANGE * b + j] = change;
        kept[SQUASHED * b + j] = squashed;
    }
}

/* hb, sb: cotangents of the new output and memory on entry, of the old ones on exit; zb: of the input. */
static void cell_adjoint(int b, const double *w, const double *kept, double *hb, double *sb, double *zb, double *wb,
                         double *vb) {
    for (int j = 0; j < b; j++) {
        double forget = kept[FORGET * b + j], in = kept[IN * b + j], out = kept[OUT * b + j];
        double change = kept[CHANGE * b + j], squashed = kept[SQUASHED * b + j];
        double z = kept[INPUT * b + j], h = kept[OLD_OUTPUT * b + j];
        double memory = sb[j] + hb[j] * out * (1 - squashed * squashed);
        double outb = hb[j] * squashed * out * (1 - out);
        double forgetb = memory * kept[OLD_MEMORY * b + j] * forget * (1 - forget);
        double inb = memory * change * in * (1 - in), changeb = memory * in * (1 - change * change);
        sb[j] = memory * forget;
        zb[j] = forgetb * w[j] + outb * w[2 * b + j];
        hb[j] = inb * w[b + j] + changeb * w[3 * b + j];
        wb[j] += forgetb * z; vb[j] += forgetb;
        wb[b + j] += inb * h; vb[b + j] += inb;
        wb[2 * b + j] += outb * z; vb[2 * b + j] += outb;
        wb[3 * b + j] += changeb * h; vb[3 * b + j] += changeb;
    }
}

double lstm_gradient(int l, int b, int c, const double *weights, const double *extra, const double *state,
                     const double *sequence, double *gweights, double *gextra) {
    int rows = 4 * b, step = l * KEPT * b + 2 * b; /* cells, then the last output and exp(y) / (sum + 2) */
    double *tape = malloc(sizeof(double) * (size_t)step * c), *s = malloc(sizeof(double) * 2 * l * b);
    double *adjoint = calloc(2 * l * b, sizeof(double)), *zb = malloc(sizeof(double) * b), total = 0;
    memcpy(s, state, sizeof(double) * 2 * l * b);
    memset(gweights, 0, sizeof(double) * 2 * l * rows);
    memset(gextra, 0, sizeof(double) * 3 * b);
    for (int t = 0; t < c - 1; t++) {
        double *kept = tape + (size_t)t * step, *last = kept + l * KEPT * b, *soft = last + b, sum = 2, count = 0;
        for (int j = 0; j < b; j++) last[j] = sequence[t * b + j] * extra[j];
        for (int k = 0; k < l; k++) {
            double *h = s + 2 * k * b;
            cell(b, weights + 2 * k * rows, weights + (2 * k + 1) * rows, last, h, h + b, kept + k * KEPT * b);
            memcpy(last, h, sizeof(double) * b);
        }
        const double *target = sequence + (t + 1) * b;
        for (int j = 0; j < b; j++) {
            double y = last[j] * extra[b + j] + extra[2 * b + j];
            soft[j] = exp(y);
            sum += soft[j];
            count += target[j];
            total += target[j] * y;
        }
        total -= count * log(sum);
        for (int j = 0; j < b; j++) soft[j] *= count / sum;
    }
    double scale = -1.0 / ((double)(c - 1) * b);
    for (int t = c - 2; t >= 0; t--) {
        double *kept = tape + (size_t)t * step, *last = kept + l * KEPT * b, *soft = last + b;
        const double *target = sequence + (t + 1) * b;
        for (int j = 0; j < b; j++) {
            double yb = scale * (target[j] - soft[j]);
            gextra[b + j] += yb * last[j];
            gextra[2 * b + j] += yb;
            zb[j] = yb * extra[b + j];
        }
        for (int k = l - 1; k >= 0; k--) {
            double *hb = adjoint + 2 * k * b;
            for (int j = 0; j < b; j++) hb[j] += zb[j];
            cell_adjoint(b, weights + 2 * k * rows, kept + k * KEPT * b, hb, hb + b, zb, gweights + 2 * k * rows,
                         gweights + (2 * k + 1) * rows);
        }
        for (int j = 0; j < b; j++) gextra[j] += zb[j] * sequence[t * b + j];
    }
    free(tape); free(s); free(adjoint); free(zb);
    return scale * total;
}
