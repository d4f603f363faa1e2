/* ADBench HAND (simple): residuals and the 3 x 26 Jacobian of each point. A column of a finger's angle touches only the
   bones below its joint, which the code uses. Frames are the upper 3 x 4 of 4 x 4 matrices. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef double Frame[12];

static void compose(const double *a, const double *b, double *out, int affine) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++)
            out[4 * i + j] = a[4 * i] * b[j] + a[4 * i + 1] * b[4 + j] + a[4 * i + 2] * b[8 + j]
                           + (j == 3 && affine ? a[4 * i + 3] : 0);
}

/* Rz(z) Rx(x), or its derivative in x (which = 1) or z (which = 2). */
static void turned(double x, double z, int which, double *m) {
    double cx = cos(x), sx = sin(x), cz = cos(z), sz = sin(z);
    Frame plain = {cz, -sz * cx, sz * sx, 0, sz, cz * cx, -cz * sx, 0, 0, sx, cx, 0};
    Frame by_x = {0, sz * sx, sz * cx, 0, 0, -cz * sx, -cz * cx, 0, 0, cx, -sx, 0};
    Frame by_z = {-sz, -cz * cx, cz * sx, 0, cz, -sz * cx, sz * sx, 0, 0, 0, 0, 0};
    memcpy(m, which == 0 ? plain : which == 1 ? by_x : by_z, sizeof(Frame));
}

/* The indices in theta of a bone's angles about x and z, -1 where it has none. */
static void angles(int bone, int *x, int *z) {
    int finger = (bone - 1) / 4, joint = (bone - 1) % 4;
    *x = *z = -1;
    if (bone < 1 || bone > 20 || joint == 0) return;
    *x = 6 + 4 * finger + (joint == 1 ? 0 : joint);
    if (joint == 1) *z = 7 + 4 * finger;
}

/* The rotation by the vector g, and its derivatives by[j] in g_j. */
static void global_rotation(const double *g, double R[9], double by[3][9]) {
    double angle = sqrt(g[0] * g[0] + g[1] * g[1] + g[2] * g[2]);
    memset(by, 0, sizeof(double) * 27);
    for (int i = 0; i < 9; i++) R[i] = i % 4 == 0;
    if (angle < 0.0001) return;
    double c = cos(angle), s = sin(angle), u[3] = {g[0] / angle, g[1] / angle, g[2] / angle};
    double skew[9] = {0, -u[2], u[1], u[2], 0, -u[0], -u[1], u[0], 0};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) R[3 * i + k] = c * (i == k) + s * skew[3 * i + k] + (1 - c) * u[i] * u[k];
    for (int j = 0; j < 3; j++) {
        double d[3];
        for (int i = 0; i < 3; i++) d[i] = ((i == j) - u[i] * u[j]) / angle;
        double dskew[9] = {0, -d[2], d[1], d[2], 0, -d[0], -d[1], d[0], 0};
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                by[j][3 * i + k] = u[j] * (c * skew[3 * i + k] - s * (i == k) + s * u[i] * u[k]) + s * dskew[3 * i + k]
                                 + (1 - c) * (d[i] * u[k] + u[i] * d[k]);
    }
}

static void add_moved(double weight, const double *m, const double *x, double *out) {
    for (int r = 0; r < 3; r++)
        out[r] += weight * (m[4 * r] * x[0] + m[4 * r + 1] * x[1] + m[4 * r + 2] * x[2] + m[4 * r + 3]);
}

void hand_jacobian(int nb, int n, const double *theta, const long *parent, const double *base, const double *inverse,
                   const double *vertices, const double *weights, const long *vertex, const double *points,
                   double *residuals, double *jacobian) {
    Frame *relative = malloc(sizeof(Frame) * nb), *absolute = malloc(sizeof(Frame) * nb), *maps = malloc(sizeof(Frame) * nb);
    Frame *tangent = malloc(sizeof(Frame) * 26 * nb), *moving = malloc(sizeof(Frame) * nb), turn, joint;
    int *bones = malloc(sizeof(int) * 26 * nb), counts[26] = {0}, x, z;
    double R[9], by[3][9];
    for (int i = 0; i < nb; i++) {
        angles(i, &x, &z);
        turned(x < 0 ? 0 : theta[x], z < 0 ? 0 : theta[z], 0, turn);
        compose(base + 16 * i, turn, relative[i], 1);
        if (parent[i] < 0) memcpy(absolute[i], relative[i], sizeof(Frame));
        else compose(absolute[parent[i]], relative[i], absolute[i], 1);
        compose(absolute[i], inverse + 16 * i, maps[i], 1);
    }
    for (int bone = 1; bone < nb; bone++) {
        angles(bone, &x, &z);
        for (int which = 1; which <= 2; which++) {
            int column = which == 1 ? x : z;
            if (column < 0) continue;
            char *touched = calloc(nb, 1);
            turned(theta[x], z < 0 ? 0 : theta[z], which, turn);
            compose(base + 16 * bone, turn, joint, 0);
            compose(absolute[parent[bone]], joint, moving[bone], 0);
            touched[bone] = 1;
            for (int i = bone; i < nb; i++) {
                if (i > bone && parent[i] >= 0 && touched[parent[i]]) {
                    compose(moving[parent[i]], relative[i], moving[i], 1);
                    touched[i] = 1;
                }
                if (!touched[i]) continue;
                compose(moving[i], inverse + 16 * i, tangent[column * nb + counts[column]], 1);
                bones[column * nb + counts[column]++] = i;
            }
            free(touched);
        }
    }
    global_rotation(theta, R, by);
    for (int i = 0; i < n; i++) {
        const double *place = vertices + 3 * vertex[i], *w = weights + nb * vertex[i];
        double blended[3] = {0, 0, 0}, *out = jacobian + 78 * i;
        for (int b = 0; b < nb; b++) add_moved(w[b], maps[b], place, blended);
        for (int r = 0; r < 3; r++) {
            residuals[3 * i + r] = points[3 * i + r] - theta[3 + r]
                - (R[3 * r] * blended[0] + R[3 * r + 1] * blended[1] + R[3 * r + 2] * blended[2]);
            for (int j = 0; j < 3; j++) {
                out[26 * r + j] = -(by[j][3 * r] * blended[0] + by[j][3 * r + 1] * blended[1] + by[j][3 * r + 2] * blended[2]);
                out[26 * r + 3 + j] = -(r == j);
            }
        }
        for (int column = 6; column < 26; column++) {
            double d[3] = {0, 0, 0};
            for (int k = 0; k < counts[column]; k++)
                add_moved(w[bones[column * nb + k]], tangent[column * nb + k], place, d);
            for (int r = 0; r < 3; r++) out[26 * r + column] = -(R[3 * r] * d[0] + R[3 * r + 1] * d[1] + R[3 * r + 2] * d[2]);
        }
    }
    free(relative); free(absolute); free(maps); free(tangent); free(moving); free(bones);
}
