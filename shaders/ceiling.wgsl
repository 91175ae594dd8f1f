// What a device can do at most: bytes moved, and fused multiply-adds.

struct Params {
    len: u32,
    turns: u32,
    rate: f32,
    @size(4) level: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

// Elements per thread, one workgroup apart: enough loads in flight to hide their latency.
const COPIES: u32 = 4u;

// y = x
@compute @workgroup_size(256)
fn copy(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let first = group_index(group, groups) * 256u * COPIES + local;
    for (var k = 0u; k < COPIES; k++) {
        let i = first + k * 256u;
        if i < params.len {
            y[i] = x[i];
        }
    }
}

// Twelve sums of one element.
struct Sums {
    a: vec4f,
    b: vec4f,
    c: vec4f,
}

fn twice(s: Sums, rate: vec4f, level: vec4f) -> Sums {
    let t = Sums(fma(s.a, rate, level), fma(s.b, rate, level), fma(s.c, rate, level));
    return Sums(fma(t.a, rate, level), fma(t.b, rate, level), fma(t.c, rate, level));
}

// y = Σ_k a_k after 8 · turns of a_k ← rate · a_k + level, with a_k = x + k/8 at first.
// Eight at a time: the loop's own instructions must not show.
@compute @workgroup_size(64)
fn fma_chain(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.len {
        return;
    }
    let rate = vec4f(params.rate);
    let level = vec4f(params.level);
    let start = vec4f(x[i]) + vec4f(0.0, 0.125, 0.25, 0.375);
    var s = Sums(start, start + 0.5, start + 1.0);
    for (var t = 0u; t < params.turns; t++) {
        s = twice(twice(twice(twice(s, rate, level), rate, level), rate, level), rate, level);
    }
    let sum = s.a + s.b + s.c;
    y[i] = sum.x + sum.y + sum.z + sum.w;
}
