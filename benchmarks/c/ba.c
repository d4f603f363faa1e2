/* ADBench BA: the reprojection error and its 2 x 15 block (camera 11, point 3, weight 1) of each observation. */
#include <math.h>

static void cross(const double *a, const double *b, double *out) {
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

static double dot(const double *a, const double *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/* y = R(r) x by Rodrigues' formula; R[i][j] = dy_i/dx_j and by_r[i][j] = dy_i/dr_j. */
static void rotate(const double *r, const double *x, double *y, double R[3][3], double by_r[3][3]) {
    double square = dot(r, r);
    if (square == 0.0) {
        cross(r, x, y);
        for (int i = 0; i < 3; i++) {
            y[i] += x[i];
            for (int j = 0; j < 3; j++) R[i][j] = i == j;
        }
        double skew[3][3] = {{0, x[2], -x[1]}, {-x[2], 0, x[0]}, {x[1], -x[0], 0}};
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++) by_r[i][j] = skew[i][j];
        return;
    }
    double angle = sqrt(square), c = cos(angle), s = sin(angle), u[3], ux[3];
    for (int i = 0; i < 3; i++) u[i] = r[i] / angle;
    cross(u, x, ux);
    double along = dot(u, x), skew[3][3] = {{0, -u[2], u[1]}, {u[2], 0, -u[0]}, {-u[1], u[0], 0}};
    for (int i = 0; i < 3; i++) {
        y[i] = c * x[i] + s * ux[i] + (1 - c) * along * u[i];
        for (int j = 0; j < 3; j++) R[i][j] = c * (i == j) + s * skew[i][j] + (1 - c) * u[i] * u[j];
    }
    for (int j = 0; j < 3; j++) {
        double du[3], dux[3];
        for (int i = 0; i < 3; i++) du[i] = ((i == j) - u[i] * u[j]) / angle;
        cross(du, x, dux);
        double dalong = dot(du, x);
        for (int i = 0; i < 3; i++)
            by_r[i][j] = u[j] * (c * ux[i] - s * x[i] + s * along * u[i]) + s * dux[i]
                       + (1 - c) * (along * du[i] + dalong * u[i]);
    }
}

static void observation(const double *camera, const double *point, double w, const double *feature, double *error,
                        double *block) {
    double x[3], y[3], R[3][3], by_r[3][3];
    for (int i = 0; i < 3; i++) x[i] = point[i] - camera[3 + i];
    rotate(camera, x, y, R, by_r);
    double f = camera[6], k1 = camera[9], k2 = camera[10], z = 1 / y[2], p[2] = {y[0] * z, y[1] * z};
    double s = p[0] * p[0] + p[1] * p[1], scale = 1 + k1 * s + k2 * s * s, slope = 2 * (k1 + 2 * k2 * s);
    for (int i = 0; i < 2; i++) {
        double by_p[2] = {slope * p[i] * p[0], slope * p[i] * p[1]}, *row = block + 15 * i;
        by_p[i] += scale;
        double by_y[3] = {w * f * z * by_p[0], w * f * z * by_p[1], -w * f * z * (by_p[0] * p[0] + by_p[1] * p[1])};
        for (int j = 0; j < 3; j++) {
            double by_x = by_y[0] * R[0][j] + by_y[1] * R[1][j] + by_y[2] * R[2][j];
            row[j] = by_y[0] * by_r[0][j] + by_y[1] * by_r[1][j] + by_y[2] * by_r[2][j];
            row[3 + j] = -by_x;
            row[11 + j] = by_x;
        }
        double distance = f * scale * p[i] + camera[7 + i] - feature[i];
        row[6] = w * scale * p[i];
        row[7] = i == 0 ? w : 0;
        row[8] = i == 1 ? w : 0;
        row[9] = w * f * p[i] * s;
        row[10] = w * f * p[i] * s * s;
        row[14] = distance;
        error[i] = w * distance;
    }
}

void ba_jacobian(int count, const double *cameras, const double *points, const double *weights, const double *features,
                 const long *camera, const long *point, double *errors, double *blocks) {
    for (int i = 0; i < count; i++)
        observation(cameras + 11 * camera[i], points + 3 * point[i], weights[i], features + 2 * i, errors + 2 * i,
                    blocks + 30 * i);
}
