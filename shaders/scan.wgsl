// Selective scan along the pixels of an image, and its gradients. Images are [N, pixels, D]; bc [N, pixels, 2S], B before
// C; w alog [S, D], then D. A thread owns a channel of a run of pixels, its states in registers.
//
// Sizes from the host: STATES, and RUN, pixels of a run.

struct Params {
    n: u32,
    pixels: u32,
    d: u32,
    s: u32,
    run: u32,
    runs: u32,
    @size(8) rows: u32,
}

@group(0) @binding(0) var<storage, read> u: array<f32>; // [N, pixels, D]
@group(0) @binding(1) var<storage, read> raw: array<f32>; // [N, pixels, D]
@group(0) @binding(2) var<storage, read> bc: array<f32>; // [N, pixels, 2S]
@group(0) @binding(3) var<storage, read> w: array<f32>; // [S, D], [D]
@group(0) @binding(4) var<storage, read> dy: array<f32>; // [N, pixels, D]
@group(0) @binding(5) var<storage, read_write> ends: array<f32>; // [N, runs, S + 1, D]
@group(0) @binding(6) var<storage, read> forth: array<f32>; // [N, runs, S + 1, D]
@group(0) @binding(7) var<storage, read> back: array<f32>; // [N, runs, S + 1, D], if rows are 2S
@group(0) @binding(8) var<storage, read_write> edges: array<f32>; // [N, runs, rows, D]
@group(0) @binding(9) var<storage, read> states: array<f32>; // [N, runs, rows, D]
@group(0) @binding(10) var<storage, read_write> y: array<f32>; // [N, pixels, D]
@group(0) @binding(11) var<storage, read_write> d: array<f32>; // [N, pixels, 2D + 2S]
@group(0) @binding(12) var<storage, read_write> part: array<f32>; // [N runs, (S + 1) D]

const THREADS = 64u;

// ln(1 + e^x): with e = e^−|x|, ln(1 + e) = 2 artanh(e / (2 + e)), whose series is over at the 13th power.
fn softplus(x: f32) -> f32 {
    let e = exp(-abs(x));
    let s = e / (2.0 + e);
    let q = s * s;
    let series = 1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0)))));
    return max(x, 0.0) + 2.0 * s * series;
}

fn step_at(t: u32, c: u32) -> f32 {
    return softplus(raw[t * params.d + c]);
}

fn rates(c: u32) -> array<f32, STATES> {
    var a: array<f32, STATES>;
    for (var s = 0u; s < STATES; s++) {
        a[s] = -exp(w[s * params.d + c]);
    }
    return a;
}

// First pixel of a run, and the one behind its last.
fn pixels_of(run: u32) -> vec2u {
    let first = run % params.runs * params.run;
    let image = run / params.runs * params.pixels;
    return vec2u(image + first, image + min(first + params.run, params.pixels));
}

fn put_end(run: u32, row: u32, c: u32, value: f32) {
    ends[(run * (STATES + 1u) + row) * params.d + c] = value;
}

// States that a run ends with if it starts from 0, and the sum of its steps
@compute @workgroup_size(THREADS)
fn scan_runs(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) c: u32,
) {
    let run = group_index(group, groups);
    if run >= params.n * params.runs || c >= params.d {
        return;
    }
    let a = rates(c);
    let range = pixels_of(run);
    var h: array<f32, STATES>;
    var sum = 0.0;
    for (var t = range.x; t < range.y; t++) {
        let step = step_at(t, c);
        let input = step * u[t * params.d + c];
        sum += step;
        for (var s = 0u; s < STATES; s++) {
            h[s] = exp(step * a[s]) * h[s] + input * bc[2u * t * STATES + s];
        }
    }
    for (var s = 0u; s < STATES; s++) {
        put_end(run, s, c, h[s]);
    }
    put_end(run, STATES, c, sum);
}

// What a run hands to the one before it if it gets 0, and the sum of its steps
@compute @workgroup_size(THREADS)
fn scan_grad_runs(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) c: u32,
) {
    let run = group_index(group, groups);
    if run >= params.n * params.runs || c >= params.d {
        return;
    }
    let a = rates(c);
    let range = pixels_of(run);
    var handed: array<f32, STATES>;
    var sum = 0.0;
    for (var t = range.y; t > range.x; t--) {
        let step = step_at(t - 1u, c);
        let gradient = dy[(t - 1u) * params.d + c];
        sum += step;
        for (var s = 0u; s < STATES; s++) {
            handed[s] = exp(step * a[s]) * (gradient * bc[(2u * t - 1u) * STATES + s] + handed[s]);
        }
    }
    for (var s = 0u; s < STATES; s++) {
        put_end(run, s, c, handed[s]);
    }
    put_end(run, STATES, c, sum);
}

// What each run starts from: a thread goes over the runs of an image for a channel of a state
@compute @workgroup_size(THREADS)
fn scan_edges(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * THREADS + local;
    if i >= params.n * params.rows * params.d {
        return;
    }
    let c = i % params.d;
    let row = i / params.d % params.rows;
    let first = i / params.d / params.rows * params.runs;
    let s = row % STATES;
    let a = -exp(w[s * params.d + c]);
    var edge = 0.0;
    for (var k = 0u; k < params.runs; k++) {
        let run = first + select(params.runs - 1u - k, k, row < STATES);
        edges[(run * params.rows + row) * params.d + c] = edge;
        let at = run * (STATES + 1u) * params.d + c;
        if row < STATES {
            edge = exp(a * forth[at + STATES * params.d]) * edge + forth[at + s * params.d];
        } else {
            edge = exp(a * back[at + STATES * params.d]) * edge + back[at + s * params.d];
        }
    }
}

// y = Σ over states of C h, and D u
@compute @workgroup_size(THREADS)
fn scan(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) c: u32,
) {
    let run = group_index(group, groups);
    if run >= params.n * params.runs || c >= params.d {
        return;
    }
    let a = rates(c);
    let through = w[STATES * params.d + c];
    let range = pixels_of(run);
    var h: array<f32, STATES>;
    for (var s = 0u; s < STATES; s++) {
        h[s] = states[(run * params.rows + s) * params.d + c];
    }
    for (var t = range.x; t < range.y; t++) {
        let step = step_at(t, c);
        let x = u[t * params.d + c];
        var sum = through * x;
        for (var s = 0u; s < STATES; s++) {
            h[s] = exp(step * a[s]) * h[s] + step * x * bc[2u * t * STATES + s];
            sum += h[s] * bc[(2u * t + 1u) * STATES + s];
        }
        y[t * params.d + c] = sum;
    }
}

// What a pixel's B and C get of each channel, before the sum over channels. A column more than there are threads, so
// that rows do not lie in the same banks.
var<workgroup> of_bc: array<f32, 2 * STATES * (THREADS + 1)>;

// Gradients of a run: its states once more from its start, then back from its end
@compute @workgroup_size(THREADS)
fn scan_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) c: u32,
) {
    let run = group_index(group, groups);
    if run >= params.n * params.runs {
        return;
    }
    let columns = 2u * (params.d + STATES);
    let owns = c < params.d;
    // Threads without a channel go along, for the barriers' sake, and count nothing.
    let channel = min(c, params.d - 1u);
    let a = rates(channel);
    let through = w[STATES * params.d + channel];
    let range = pixels_of(run);
    var before: array<f32, RUN * STATES>;
    var h: array<f32, STATES>;
    for (var s = 0u; s < STATES; s++) {
        h[s] = states[(run * params.rows + s) * params.d + channel];
    }
    for (var t = range.x; t < range.y; t++) {
        let step = step_at(t, channel);
        let input = step * u[t * params.d + channel];
        for (var s = 0u; s < STATES; s++) {
            before[(t - range.x) * STATES + s] = h[s];
            h[s] = exp(step * a[s]) * h[s] + input * bc[2u * t * STATES + s];
        }
    }
    var handed: array<f32, STATES>;
    for (var s = 0u; s < STATES; s++) {
        handed[s] = states[(run * params.rows + STATES + s) * params.d + channel];
    }
    var of_rates: array<f32, STATES>;
    var of_through = 0.0;
    for (var k = range.y; k > range.x; k--) {
        let t = k - 1u;
        let step = step_at(t, channel);
        let x = u[t * params.d + channel];
        let gradient_y = dy[t * params.d + channel];
        var by_input = 0.0;
        var by_decay = 0.0;
        for (var s = 0u; s < STATES; s++) {
            let gradient = gradient_y * bc[(2u * t + 1u) * STATES + s] + handed[s];
            of_bc[s * (THREADS + 1u) + c] = select(0.0, gradient * step * x, owns);
            of_bc[(STATES + s) * (THREADS + 1u) + c] = select(0.0, gradient_y * h[s], owns);
            h[s] = before[(t - range.x) * STATES + s];
            handed[s] = exp(step * a[s]) * gradient;
            let decayed = a[s] * handed[s] * h[s];
            by_input += gradient * bc[2u * t * STATES + s];
            by_decay += decayed;
            of_rates[s] += decayed * step;
        }
        of_through += gradient_y * x;
        if owns {
            d[t * columns + c] = through * gradient_y + step * by_input;
            d[t * columns + params.d + c] = (x * by_input + by_decay) / (1.0 + exp(-raw[t * params.d + c]));
        }
        workgroupBarrier();
        for (var j = c; j < 2u * STATES; j += THREADS) {
            var sum = 0.0;
            for (var i = 0u; i < THREADS; i++) {
                sum += of_bc[j * (THREADS + 1u) + i];
            }
            d[t * columns + 2u * params.d + j] = sum;
        }
        workgroupBarrier();
    }
    if owns {
        for (var s = 0u; s < STATES; s++) {
            part[(run * (STATES + 1u) + s) * params.d + c] = of_rates[s];
        }
        part[(run * (STATES + 1u) + STATES) * params.d + c] = of_through;
    }
}
