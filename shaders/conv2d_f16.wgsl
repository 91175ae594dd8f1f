// The three convolutions as products of f16 matrices with f32 sums: optional forms behind
// the same references, for adapters with cooperative matrices. Read after conv2d.wgsl,
// whose parameters, bindings and bounds they share.
//
// Before it the host writes `enable f16; enable wgpu_cooperative_matrix;` and, for the size
// T (8 or 16) the adapter offers, the types Left (f16), Right (f16) and Product (f32), T × T.
//
// A convolution is nine matrix products, one per tap, summed: [pixels, Ci] · [Ci, Co], with
// the pixels of one row of the tile. Tiles of the image lie in workgroup memory as
// [pixel][channel], so that a tap is another first element, and nothing is copied per tap.
// A subgroup makes 2T pixels × 2T channels, four matrices of sums; it takes what its number
// says, and all of them as many rounds as it needs, so that no size of subgroup is assumed.
//
// Rows of workgroup memory are 48 and 80 bytes apart: 8 of 16 bytes touch all banks once.
// 25.4 KB of workgroup memory, which the loader asks the adapter for.
// Costs are counted in doc/notes-compute.md: 25 us of an H200 at 32→32, 512×512.
//
// Gradients of a mean over all pixels are as small as one over their number: f16 has no
// such numbers. They are scaled by the power of two next below that number on the way in.

const JOB = 2u * T;
const HALF_DEPTH = 16u;
const HALF_THREADS = 128u;
const HALF_PITCH = HALF_DEPTH + 8u;
const CO_WHOLE = (CO + JOB - 1u) / JOB * JOB;
const WEIGHT_PITCH = CO_WHOLE + 8u;
const ACROSS = TILE_W / JOB;
const JOBS = ACROSS * TILE_H * (CO_WHOLE / JOB);

var<workgroup> half_image: array<f16, (TILE_H + 2u) * (TILE_W + 2u) * HALF_PITCH>;
var<workgroup> half_weights: array<f16, 9u * HALF_DEPTH * WEIGHT_PITCH>;
// One matrix of every job, on its way out.
var<workgroup> outgoing: array<f32, JOBS * T * T>;

// What f16 gradients are multiplied by.
fn unit() -> f32 {
    return ldexp(1.0, i32(firstLeadingBit(params.n * params.h * params.w)));
}

// Four matrices of sums: pixels 0.. and T.., channels 0.. and T..
struct Products {
    aa: Product,
    ab: Product,
    ba: Product,
    bb: Product,
}

// What a job takes of a tile.
struct Job {
    row: u32,
    column: u32,
    channel: u32,
}

fn job_place(job: u32) -> Job {
    return Job(job / ACROSS % TILE_H, job % ACROSS * JOB, job / ACROSS / TILE_H * JOB);
}

// Adds the channels in workgroup memory.
fn multiply(sums: ptr<function, Products>, job: Job) {
    for (var at = 0u; at < 9u; at++) {
        for (var k = 0u; k < HALF_DEPTH; k += T) {
            let x = ((job.row + at / 3u) * (TILE_W + 2u) + job.column + at % 3u) * HALF_PITCH + k;
            let w = (at * HALF_DEPTH + k) * WEIGHT_PITCH + job.channel;
            let xa = coopLoadT<Left>(&half_image[x], HALF_PITCH);
            let xb = coopLoadT<Left>(&half_image[x + T * HALF_PITCH], HALF_PITCH);
            let wa = coopLoadT<Right>(&half_weights[w], WEIGHT_PITCH);
            let wb = coopLoadT<Right>(&half_weights[w + T], WEIGHT_PITCH);
            (*sums).aa = coopMultiplyAdd(xa, wa, (*sums).aa);
            (*sums).ab = coopMultiplyAdd(xa, wb, (*sums).ab);
            (*sums).ba = coopMultiplyAdd(xb, wa, (*sums).ba);
            (*sums).bb = coopMultiplyAdd(xb, wb, (*sums).bb);
        }
    }
}

// Puts one of the four matrices of sums, once all is written of the one before it.
fn stage_quarter(sums: ptr<function, Products>, quarter: u32, job: u32, mine: bool) {
    workgroupBarrier();
    if mine {
        let to = job * T * T;
        switch quarter {
            case 0u: { coopStoreT((*sums).aa, &outgoing[to], T); }
            case 1u: { coopStoreT((*sums).ab, &outgoing[to], T); }
            case 2u: { coopStoreT((*sums).ba, &outgoing[to], T); }
            default: { coopStoreT((*sums).bb, &outgoing[to], T); }
        }
    }
    workgroupBarrier();
}

// Where element t of `outgoing` goes, of that quarter of the sums: pixel or OUTSIDE, and channel
// from the workgroup's first.
fn target_of(at: Tile, t: u32, quarter: u32) -> vec2u {
    let job = job_place(t / (T * T));
    let column = job.column + quarter / 2u * T + t / T % T;
    return vec2u(pixel(at.n, at.row + job.row, at.column + column), job.channel + quarter % 2u * T + t % T);
}

// The elements of `outgoing` that the jobs of a round have written.
fn round_end(round: u32, subgroups: u32) -> u32 {
    return min(round + subgroups, JOBS) * T * T;
}

fn put_half_y(at: Tile, first: u32, round: u32, subgroups: u32, local: u32, quarter: u32) {
    for (var t = round * T * T + local; t < round_end(round, subgroups); t += HALF_THREADS) {
        let to = target_of(at, t, quarter);
        let c = first + to.y;
        if to.x != OUTSIDE && to.y < CO && c < params.co {
            var v = outgoing[t] + w[9u * params.ci * params.co + c];
            if params.add == 1u {
                v += add[to.x * params.co + c];
            }
            if params.relu == 1u {
                v = max(v, 0.0);
            }
            y[to.x * params.co + c] = v;
        }
    }
}

fn put_half_dx(at: Tile, first: u32, round: u32, subgroups: u32, local: u32, quarter: u32) {
    for (var t = round * T * T + local; t < round_end(round, subgroups); t += HALF_THREADS) {
        let to = target_of(at, t, quarter);
        let c = first + to.y;
        if to.x != OUTSIDE && to.y < CO && c < params.ci {
            var v = outgoing[t] / unit();
            if params.add == 1u {
                v += add[to.x * params.ci + c];
            }
            if params.mask == 1u {
                v = select(0.0, v, mask[to.x * params.ci + c] > 0.0);
            }
            dx[to.x * params.ci + c] = v;
        }
    }
}

// The pixel of place t of `half_image`.
fn half_pixel(at: Tile, t: u32) -> u32 {
    return pixel(at.n, at.row + t / (TILE_W + 2u) - 1u, at.column + t % (TILE_W + 2u) - 1u);
}

@compute @workgroup_size(HALF_THREADS)
fn conv2d_f16(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
) {
    let at = tile(group_index(group, groups), TILE_H, TILE_W);
    if !at.exists {
        return; // the whole workgroup
    }
    let first = group.z * CO;
    for (var round = 0u; round < JOBS; round += subgroups) {
        // A subgroup without a job of its own repeats the last one's.
        let job = min(round + subgroup, JOBS - 1u);
        var sums: Products;
        for (var c = 0u; c < params.ci; c += HALF_DEPTH) {
            workgroupBarrier();
            for (var t = local; t < (TILE_H + 2u) * (TILE_W + 2u) * HALF_DEPTH; t += HALF_THREADS) {
                let p = t / HALF_DEPTH;
                half_image[p * HALF_PITCH + t % HALF_DEPTH] = f16(x_at(half_pixel(at, p), c + t % HALF_DEPTH));
            }
            for (var t = local; t < 9u * HALF_DEPTH * CO_WHOLE; t += HALF_THREADS) {
                let k = t / CO_WHOLE;
                let o = t % CO_WHOLE;
                let v = w_at(k / HALF_DEPTH, c + k % HALF_DEPTH, first + o);
                half_weights[k * WEIGHT_PITCH + o] = f16(v);
            }
            workgroupBarrier();
            multiply(&sums, job_place(job));
        }
        let mine = round + subgroup < JOBS;
        for (var quarter = 0u; quarter < 4u; quarter++) {
            stage_quarter(&sums, quarter, job, mine);
            put_half_y(at, first, round, subgroups, local, quarter);
        }
    }
}

// The same tile with dy for x, taps flipped and channels swapped; CO counts channels of dx.
@compute @workgroup_size(HALF_THREADS)
fn conv2d_grad_input_f16(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
) {
    let at = tile(group_index(group, groups), TILE_H, TILE_W);
    if !at.exists {
        return; // the whole workgroup
    }
    let first = group.z * CO;
    for (var round = 0u; round < JOBS; round += subgroups) {
        let job = min(round + subgroup, JOBS - 1u);
        var sums: Products;
        for (var c = 0u; c < params.co; c += HALF_DEPTH) {
            workgroupBarrier();
            for (var t = local; t < (TILE_H + 2u) * (TILE_W + 2u) * HALF_DEPTH; t += HALF_THREADS) {
                let p = t / HALF_DEPTH;
                let v = dy_at(half_pixel(at, p), c + t % HALF_DEPTH) * unit();
                half_image[p * HALF_PITCH + t % HALF_DEPTH] = f16(v);
            }
            for (var t = local; t < 9u * HALF_DEPTH * CO_WHOLE; t += HALF_THREADS) {
                let k = t / CO_WHOLE;
                let o = t % CO_WHOLE;
                let v = w_at(8u - k / HALF_DEPTH, first + o, c + k % HALF_DEPTH);
                half_weights[k * WEIGHT_PITCH + o] = f16(v);
            }
            workgroupBarrier();
            multiply(&sums, job_place(job));
        }
        let mine = round + subgroup < JOBS;
        for (var quarter = 0u; quarter < 4u; quarter++) {
            stage_quarter(&sums, quarter, job, mine);
            put_half_dx(at, first, round, subgroups, local, quarter);
        }
    }
}

// ---- weight gradient ----
//
// Per tap [Ci, pixels] · [pixels, Co], where the left matrix is the tile read column by
// column. A subgroup owns T × T channels and all nine taps; a tenth product, of ones, is
// the gradient of the biases. Ten reads of 512 bytes serve nine products of 4096 FMAs.

const HALF_STRIP_W = 32u;
const HALF_STRIP_H = 2u;
const CI_BLOCK = (CI + T - 1u) / T * T;
const CO_BLOCK = (CO + T - 1u) / T * T;
const X_PITCH = CI_BLOCK + 8u;
const DY_PITCH = CO_BLOCK + 8u;
const CO_JOBS = CO_BLOCK / T;
const GRAD_JOBS = CI_BLOCK / T * CO_JOBS;

var<workgroup> half_strip: array<f16, (HALF_STRIP_H + 2u) * (HALF_STRIP_W + 2u) * X_PITCH>;
var<workgroup> half_grads: array<f16, HALF_STRIP_H * HALF_STRIP_W * DY_PITCH>;
var<workgroup> ones: array<f16, T * T>;
var<workgroup> outgoing_grads: array<f32, GRAD_JOBS * T * T>;

struct Taps {
    a: Product,
    b: Product,
    c: Product,
    d: Product,
    e: Product,
    f: Product,
    g: Product,
    h: Product,
    i: Product,
    bias: Product,
}

fn left_at(row: u32, column: u32, ci: u32) -> Left {
    return coopLoad<Left>(&half_strip[(row * (HALF_STRIP_W + 2u) + column) * X_PITCH + ci], X_PITCH);
}

// Adds T pixels of a row.
fn multiply_taps(sums: ptr<function, Taps>, row: u32, column: u32, ci: u32, co: u32) {
    let grad = coopLoadT<Right>(&half_grads[(row * HALF_STRIP_W + column) * DY_PITCH + co], DY_PITCH);
    (*sums).a = coopMultiplyAdd(left_at(row, column, ci), grad, (*sums).a);
    (*sums).b = coopMultiplyAdd(left_at(row, column + 1u, ci), grad, (*sums).b);
    (*sums).c = coopMultiplyAdd(left_at(row, column + 2u, ci), grad, (*sums).c);
    (*sums).d = coopMultiplyAdd(left_at(row + 1u, column, ci), grad, (*sums).d);
    (*sums).e = coopMultiplyAdd(left_at(row + 1u, column + 1u, ci), grad, (*sums).e);
    (*sums).f = coopMultiplyAdd(left_at(row + 1u, column + 2u, ci), grad, (*sums).f);
    (*sums).g = coopMultiplyAdd(left_at(row + 2u, column, ci), grad, (*sums).g);
    (*sums).h = coopMultiplyAdd(left_at(row + 2u, column + 1u, ci), grad, (*sums).h);
    (*sums).i = coopMultiplyAdd(left_at(row + 2u, column + 2u, ci), grad, (*sums).i);
    (*sums).bias = coopMultiplyAdd(coopLoad<Left>(&ones[0], T), grad, (*sums).bias);
}

// Writes what the jobs of a round have put into `outgoing_grads`: tap 9 is the biases.
fn put_half_tap(block: Block, tap: u32, round: u32, subgroups: u32, local: u32) {
    let end = min(round + subgroups, GRAD_JOBS) * T * T;
    for (var t = round * T * T + local; t < end; t += HALF_THREADS) {
        let job = t / (T * T);
        let i = job / CO_JOBS * T + t / T % T;
        let o = job % CO_JOBS * T + t % T;
        // Every row of the biases' matrix is the same: the first will do.
        let wanted = select(i < CI && block.ci + i < params.ci, block.ci + i == 0u, tap == 9u);
        if wanted && o < CO && block.co + o < params.co {
            let to = (tap * params.ci + block.ci + i) * params.co + block.co + o;
            part[block.part + to] = outgoing_grads[t] / unit();
        }
    }
}

@compute @workgroup_size(HALF_THREADS)
fn conv2d_grad_weight_f16(
    @builtin(workgroup_id) group_id: vec3u,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
) {
    let blocks = (params.co + CO - 1u) / CO;
    let length = (9u * params.ci + 1u) * params.co;
    let block = Block(group_id.x * length, group_id.y / blocks * CI, group_id.y % blocks * CO);
    for (var t = local; t < T * T; t += HALF_THREADS) {
        ones[t] = 1.0h;
    }
    for (var round = 0u; round < GRAD_JOBS; round += subgroups) {
        let job = min(round + subgroup, GRAD_JOBS - 1u);
        var sums: Taps;
        let end = min((group_id.x + 1u) * params.rows, params.n * params.h);
        var height = 0u;
        for (var first = group_id.x * params.rows; first < end; first += height) {
            let n = first / params.h;
            let top = first % params.h;
            height = min(HALF_STRIP_H, min(end - first, params.h - top));
            for (var start = 0u; start < params.w; start += HALF_STRIP_W) {
                workgroupBarrier();
                for (var t = local; t < (height + 2u) * (HALF_STRIP_W + 2u) * CI_BLOCK; t += HALF_THREADS) {
                    let p = t / CI_BLOCK;
                    let c = t % CI_BLOCK;
                    let at = pixel(n, top + p / (HALF_STRIP_W + 2u) - 1u, start + p % (HALF_STRIP_W + 2u) - 1u);
                    half_strip[p * X_PITCH + c] = f16(x_at(at, block.ci + c));
                }
                for (var t = local; t < height * HALF_STRIP_W * CO_BLOCK; t += HALF_THREADS) {
                    let p = t / CO_BLOCK;
                    let o = t % CO_BLOCK;
                    let at = pixel(n, top + p / HALF_STRIP_W, start + p % HALF_STRIP_W);
                    half_grads[p * DY_PITCH + o] = f16(dy_at(at, block.co + o) * unit());
                }
                workgroupBarrier();
                for (var row = 0u; row < height; row++) {
                    for (var column = 0u; column < HALF_STRIP_W; column += T) {
                        multiply_taps(&sums, row, column, job / CO_JOBS * T, job % CO_JOBS * T);
                    }
                }
            }
        }
        let mine = round + subgroup < GRAD_JOBS;
        for (var tap = 0u; tap < 10u; tap++) {
            workgroupBarrier();
            if mine {
                let to = job * T * T;
                switch tap {
                    case 0u: { coopStoreT(sums.a, &outgoing_grads[to], T); }
                    case 1u: { coopStoreT(sums.b, &outgoing_grads[to], T); }
                    case 2u: { coopStoreT(sums.c, &outgoing_grads[to], T); }
                    case 3u: { coopStoreT(sums.d, &outgoing_grads[to], T); }
                    case 4u: { coopStoreT(sums.e, &outgoing_grads[to], T); }
                    case 5u: { coopStoreT(sums.f, &outgoing_grads[to], T); }
                    case 6u: { coopStoreT(sums.g, &outgoing_grads[to], T); }
                    case 7u: { coopStoreT(sums.h, &outgoing_grads[to], T); }
                    case 8u: { coopStoreT(sums.i, &outgoing_grads[to], T); }
                    default: { coopStoreT(sums.bias, &outgoing_grads[to], T); }
                }
            }
            workgroupBarrier();
            put_half_tap(block, tap, round, subgroups, local);
        }
    }
}
