// ---- transforms of F(4, 3), with the points 0, ±P, ±Q and infinity ----
//
// As in one dimension of the CPU's; see there why these points.

const P = 0.625;
const Q = 1.5;
const P2 = P * P;
const Q2 = Q * Q;
// Products of the differences from a point to the others.
const AT_0 = P2 * Q2;
const AT_P = 2.0 * P2 * (P2 - Q2);
const AT_Q = 2.0 * Q2 * (Q2 - P2);

// One vec4 for each place.
struct Six {
    a: vec4f,
    b: vec4f,
    c: vec4f,
    d: vec4f,
    e: vec4f,
    f: vec4f,
}

// Four pixels beside each other.
struct Run {
    a: vec4f,
    b: vec4f,
    c: vec4f,
    d: vec4f,
}

// Three taps beside each other.
struct Taps {
    a: vec4f,
    b: vec4f,
    c: vec4f,
}

// Bᵀ x
fn transform_input(x: Six) -> Six {
    let g = x.e - P2 * x.c;
    let h = x.d - P2 * x.b;
    let r = x.e - Q2 * x.c;
    let s = x.d - Q2 * x.b;
    return Six(
        P2 * Q2 * x.a - (P2 + Q2) * x.c + x.e,
        P * s + r,
        -P * s + r,
        Q * h + g,
        -Q * h + g,
        P2 * Q2 * x.b - (P2 + Q2) * x.d + x.f,
    );
}

// G w
fn transform_weights(w: Taps) -> Six {
    let p = 1.0 / AT_P * w.a + P2 / AT_P * w.c;
    let q = 1.0 / AT_Q * w.a + Q2 / AT_Q * w.c;
    return Six(
        1.0 / AT_0 * w.a,
        P / AT_P * w.b + p,
        -P / AT_P * w.b + p,
        Q / AT_Q * w.b + q,
        -Q / AT_Q * w.b + q,
        w.c,
    );
}

// Aᵀ m
fn transform_output(m: Six) -> Run {
    let p = m.b + m.c;
    let q = m.d + m.e;
    let r = m.b - m.c;
    let s = m.d - m.e;
    return Run(m.a + p + q, P * r + Q * s, P2 * p + Q2 * q, P2 * P * r + Q2 * Q * s + m.f);
}

// A dy, the adjoint of `transform_output`
fn transform_gradient(y: Run) -> Six {
    let g = y.a + P2 * y.c;
    let h = y.b + P2 * y.d;
    let r = y.a + Q2 * y.c;
    let s = y.b + Q2 * y.d;
    return Six(y.a, P * h + g, -P * h + g, Q * s + r, -Q * s + r, y.d);
}

// Gᵀ du, the adjoint of `transform_weights`
fn transform_back(u: Six) -> Taps {
    let p = u.b + u.c;
    let q = u.d + u.e;
    let r = u.b - u.c;
    let s = u.d - u.e;
    return Taps(
        1.0 / AT_0 * u.a + 1.0 / AT_P * p + 1.0 / AT_Q * q,
        P / AT_P * r + Q / AT_Q * s,
        P2 / AT_P * p + Q2 / AT_Q * q + u.f,
    );
}

