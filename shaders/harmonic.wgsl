// A vector for each image from the mean of its pixels, y = W1 · relu(W0 · mean + b0) + b1, and its gradients.
// Both matrices are [inputs, outputs], each followed by its biases.
//
// Sizes from the host: CI and CO, and IMAGES, those a workgroup works on.

struct Params {
    n: u32,
    pixels: u32,
    ci: u32,
    co: u32,
    chunk: u32,
    runs: u32,
    back: u32,
    layer: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [N, pixels, Ci]
@group(0) @binding(1) var<storage, read_write> sums: array<f32>; // [N, runs, Ci]
@group(0) @binding(2) var<storage, read> part: array<f32>; // [N, runs, Ci]
@group(0) @binding(3) var<storage, read> w0: array<f32>; // [Ci, Co], [Co]
@group(0) @binding(4) var<storage, read> w1: array<f32>; // [Co, Co], [Co]
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // [N, Co]
@group(0) @binding(6) var<storage, read> dpart: array<f32>; // [N, back, Co]
@group(0) @binding(7) var<storage, read_write> dx: array<f32>; // [N, Ci]
@group(0) @binding(8) var<storage, read_write> dw: array<f32>; // as w0 or w1

const THREADS = 64u;

var<workgroup> mean: array<f32, CI * IMAGES>;
// After the ReLU.
var<workgroup> hidden: array<f32, CO * IMAGES>;
// Gradients at the vector, and before the ReLU.
var<workgroup> db: array<f32, CO * IMAGES>;
var<workgroup> dq: array<f32, CO * IMAGES>;

// sums[n, k] = Σ over the k-th `chunk` pixels of image n
@compute @workgroup_size(THREADS)
fn image_sums(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let blocks = (params.ci + THREADS - 1u) / THREADS;
    let runs = (params.pixels + params.chunk - 1u) / params.chunk;
    let index = group_index(group, groups);
    let run = index / blocks;
    let c = index % blocks * THREADS + local;
    if run >= params.n * runs || c >= params.ci {
        return;
    }
    let first = run % runs * params.chunk;
    let end = min(first + params.chunk, params.pixels);
    var sum = 0.0;
    for (var pixel = first; pixel < end; pixel++) {
        sum += x[(run / runs * params.pixels + pixel) * params.ci + c];
    }
    sums[run * params.ci + c] = sum;
}

// Means and hidden values of image n, at place k of the workgroup's.
fn forward(n: u32, k: u32, local: u32) {
    for (var c = local; c < CI; c += THREADS) {
        var sum = 0.0;
        for (var run = 0u; run < params.runs; run++) {
            sum += part[(n * params.runs + run) * CI + c];
        }
        mean[k * CI + c] = sum / f32(params.pixels);
    }
    workgroupBarrier();
    for (var o = local; o < CO; o += THREADS) {
        var sum = w0[CI * CO + o];
        for (var c = 0u; c < CI; c++) {
            sum += mean[k * CI + c] * w0[c * CO + o];
        }
        hidden[k * CO + o] = max(sum, 0.0);
    }
    workgroupBarrier();
}

// Gradients of image n, at place k.
fn backward(n: u32, k: u32, local: u32) {
    for (var o = local; o < CO; o += THREADS) {
        var sum = 0.0;
        for (var run = 0u; run < params.back; run++) {
            sum += dpart[(n * params.back + run) * CO + o];
        }
        db[k * CO + o] = sum;
    }
    workgroupBarrier();
    for (var j = local; j < CO; j += THREADS) {
        var sum = 0.0;
        for (var o = 0u; o < CO; o++) {
            sum += w1[j * CO + o] * db[k * CO + o];
        }
        dq[k * CO + j] = select(0.0, sum, hidden[k * CO + j] > 0.0);
    }
    workgroupBarrier();
}

// A workgroup for an image.
@compute @workgroup_size(THREADS)
fn harmonic(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    forward(group.x, 0u, local);
    for (var o = local; o < CO; o += THREADS) {
        var sum = w1[CO * CO + o];
        for (var j = 0u; j < CO; j++) {
            sum += hidden[j] * w1[j * CO + o];
        }
        y[group.x * CO + o] = sum;
    }
}

// dx = W0 · dq / pixels
@compute @workgroup_size(THREADS)
fn harmonic_grad_input(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    forward(group.x, 0u, local);
    backward(group.x, 0u, local);
    for (var c = local; c < CI; c += THREADS) {
        var sum = 0.0;
        for (var j = 0u; j < CO; j++) {
            sum += w0[c * CO + j] * dq[j];
        }
        dx[group.x * CI + c] = sum / f32(params.pixels);
    }
}

// dw = Σ over images of mean dqᵀ, and of dq; of the second layer of hidden dbᵀ, and of db
@compute @workgroup_size(THREADS)
fn harmonic_grad_weight(@builtin(local_invocation_index) local: u32) {
    for (var n = 0u; n < IMAGES; n++) {
        forward(n, n, local);
        backward(n, n, local);
    }
    let inputs = select(CI, CO, params.layer == 1u);
    for (var i = local; i < (inputs + 1u) * CO; i += THREADS) {
        let k = i / CO;
        let o = i % CO;
        var sum = 0.0;
        for (var n = 0u; n < IMAGES; n++) {
            var factor = 1.0;
            if params.layer == 1u {
                if k < CO {
                    factor = hidden[n * CO + k];
                }
                sum += factor * db[n * CO + o];
            } else {
                if k < CI {
                    factor = mean[n * CI + k];
                }
                sum += factor * dq[n * CO + o];
            }
        }
        dw[i] = sum;
    }
}
