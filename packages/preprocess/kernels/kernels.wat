;; The inner loops of this package with 128-bit vectors, which every Node has: a plain loop of JavaScript takes four to eight times as
;; long. Assembled by scripts/assemble.ts into src/kernels.ts. Addresses are bytes of `memory`, laid out by whoever calls; what is read
;; and written past an end is at most 16 bytes, which the caller leaves free.
(module
  (memory (export "memory") 1)

  ;; Pillow's first pass (Resample.c, ImagingResampleHorizontal_8bpc): `rows` rows of `stride` bytes of RGB become rows of `width`
  ;; pixels. Lanes are red, green, blue and one that is not used; sums are whole numbers of 32 bits, so their order is all one.
  (func (export "across")
    (param $src i32) (param $stride i32) (param $rows i32)
    (param $starts i32) (param $counts i32) (param $weights i32) (param $taps i32)
    (param $width i32) (param $out i32)
    (local $x i32) (local $from i32) (local $w i32) (local $end i32) (local $sum v128)
    (loop $row
      (local.set $x (i32.const 0))
      (loop $pixel
        (local.set $from (i32.add (local.get $src)
          (i32.mul (i32.load (i32.add (local.get $starts) (i32.shl (local.get $x) (i32.const 2)))) (i32.const 3))))
        (local.set $w (i32.add (local.get $weights)
          (i32.shl (i32.mul (local.get $x) (local.get $taps)) (i32.const 2))))
        (local.set $end (i32.add (local.get $w)
          (i32.shl (i32.load (i32.add (local.get $counts) (i32.shl (local.get $x) (i32.const 2)))) (i32.const 2))))
        (local.set $sum (v128.const i32x4 0x200000 0x200000 0x200000 0x200000)) ;; half a unit of 22 bits
        (loop $tap
          (local.set $sum (i32x4.add (local.get $sum)
            (i32x4.mul
              (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $from))))
              (v128.load32_splat (local.get $w)))))
          (local.set $from (i32.add (local.get $from) (i32.const 3)))
          (local.set $w (i32.add (local.get $w) (i32.const 4)))
          (br_if $tap (i32.lt_u (local.get $w) (local.get $end))))
        (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
        (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
        ;; The fourth byte is the next pixel's first, which is written after it.
        (v128.store32_lane 0 (local.get $out) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
        (local.set $out (i32.add (local.get $out) (i32.const 3)))
        (br_if $pixel (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (local.get $width))))
      (local.set $src (i32.add (local.get $src) (local.get $stride)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1))))))

  ;; Its second pass (ImagingResampleVertical_8bpc), 16 bytes of a row at a time: `height` rows of `stride` bytes, of which row y is a
  ;; sum over the source rows from starts[y] on, counted from the first one at `src`.
  (func (export "down")
    (param $src i32) (param $stride i32)
    (param $starts i32) (param $counts i32) (param $weights i32) (param $taps i32)
    (param $height i32) (param $out i32)
    (local $y i32) (local $i i32) (local $from i32) (local $w i32) (local $end i32)
    (local $weight v128) (local $bytes v128) (local $low v128) (local $high v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (loop $row
      (local.set $i (i32.const 0))
      (loop $piece
        (local.set $from (i32.add (i32.add (local.get $src) (local.get $i))
          (i32.mul (i32.load (i32.add (local.get $starts) (i32.shl (local.get $y) (i32.const 2)))) (local.get $stride))))
        (local.set $w (i32.add (local.get $weights)
          (i32.shl (i32.mul (local.get $y) (local.get $taps)) (i32.const 2))))
        (local.set $end (i32.add (local.get $w)
          (i32.shl (i32.load (i32.add (local.get $counts) (i32.shl (local.get $y) (i32.const 2)))) (i32.const 2))))
        (local.set $a (v128.const i32x4 0x200000 0x200000 0x200000 0x200000))
        (local.set $b (local.get $a))
        (local.set $c (local.get $a))
        (local.set $d (local.get $a))
        (loop $tap
          (local.set $weight (v128.load32_splat (local.get $w)))
          (local.set $bytes (v128.load (local.get $from)))
          (local.set $low (i16x8.extend_low_i8x16_u (local.get $bytes)))
          (local.set $high (i16x8.extend_high_i8x16_u (local.get $bytes)))
          (local.set $a (i32x4.add (local.get $a) (i32x4.mul (i32x4.extend_low_i16x8_u (local.get $low)) (local.get $weight))))
          (local.set $b (i32x4.add (local.get $b) (i32x4.mul (i32x4.extend_high_i16x8_u (local.get $low)) (local.get $weight))))
          (local.set $c (i32x4.add (local.get $c) (i32x4.mul (i32x4.extend_low_i16x8_u (local.get $high)) (local.get $weight))))
          (local.set $d (i32x4.add (local.get $d) (i32x4.mul (i32x4.extend_high_i16x8_u (local.get $high)) (local.get $weight))))
          (local.set $from (i32.add (local.get $from) (local.get $stride)))
          (local.set $w (i32.add (local.get $w) (i32.const 4)))
          (br_if $tap (i32.lt_u (local.get $w) (local.get $end))))
        (v128.store (i32.add (local.get $out) (local.get $i))
          (i8x16.narrow_i16x8_u
            (i16x8.narrow_i32x4_s (i32x4.shr_s (local.get $a) (i32.const 22)) (i32x4.shr_s (local.get $b) (i32.const 22)))
            (i16x8.narrow_i32x4_s (i32x4.shr_s (local.get $c) (i32.const 22)) (i32x4.shr_s (local.get $d) (i32.const 22)))))
        (br_if $piece (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 16))) (local.get $stride))))
      ;; What the last piece wrote past its row is the next row's, which is written after it.
      (local.set $out (i32.add (local.get $out) (local.get $stride)))
      (br_if $row (i32.lt_u (local.tee $y (i32.add (local.get $y) (i32.const 1))) (local.get $height)))))

  ;; A polyphase filter in float32: `count` outputs, the first of `phase`, whose taps begin at the sample at `x` + 4 · first[phase].
  ;; `taps` is a multiple of 8. `rest` is n · down mod up of the first output n, by which the place moves on.
  (func (export "filter")
    (param $x i32) (param $first i32) (param $weights i32) (param $taps i32)
    (param $up i32) (param $down i32) (param $phase i32) (param $rest i32)
    (param $count i32) (param $out i32)
    (local $from i32) (local $w i32) (local $end i32) (local $a v128) (local $b v128)
    (loop $output
      (local.set $from (i32.add (local.get $x)
        (i32.shl (i32.load (i32.add (local.get $first) (i32.shl (local.get $phase) (i32.const 2)))) (i32.const 2))))
      (local.set $w (i32.add (local.get $weights)
        (i32.shl (i32.mul (local.get $phase) (local.get $taps)) (i32.const 2))))
      (local.set $end (i32.add (local.get $w) (i32.shl (local.get $taps) (i32.const 2))))
      (local.set $a (v128.const f32x4 0 0 0 0))
      (local.set $b (v128.const f32x4 0 0 0 0))
      (loop $tap
        (local.set $a (f32x4.add (local.get $a) (f32x4.mul (v128.load (local.get $from)) (v128.load (local.get $w)))))
        (local.set $b (f32x4.add (local.get $b)
          (f32x4.mul (v128.load offset=16 (local.get $from)) (v128.load offset=16 (local.get $w)))))
        (local.set $from (i32.add (local.get $from) (i32.const 32)))
        (br_if $tap (i32.lt_u (local.tee $w (i32.add (local.get $w) (i32.const 32))) (local.get $end))))
      (local.set $a (f32x4.add (local.get $a) (local.get $b)))
      (f32.store (local.get $out)
        (f32.add
          (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
          (f32.add (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a)))))
      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (if (i32.eq (local.tee $phase (i32.add (local.get $phase) (i32.const 1))) (local.get $up))
        (then (local.set $phase (i32.const 0))))
      (local.set $rest (i32.add (local.get $rest) (local.get $down)))
      (local.set $x (i32.add (local.get $x) (i32.shl (i32.div_u (local.get $rest) (local.get $up)) (i32.const 2))))
      (local.set $rest (i32.rem_u (local.get $rest) (local.get $up)))
      (br_if $output (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  ;; Power spectra of two real frames at a time, one in each lane of float64: `frame` has 2 · half samples, `powers` gets half + 1
  ;; numbers. A complex transform of half the size (decimation in time, radix 2) on even and odd samples, then their recombination.
  ;; `places` are where samples go first, in bytes of `re` and `im`, which are scratch of `half` numbers.
  (func (export "spectrum")
    (param $frame i32) (param $half i32) (param $places i32) (param $cosines i32) (param $sines i32)
    (param $re i32) (param $im i32) (param $powers i32)
    (local $i i32) (local $end i32) (local $p i32) (local $q i32) (local $span i32) (local $stride i32) (local $t i32)
    (local $bytes i32)
    (local $ar v128) (local $ai v128) (local $br v128) (local $bi v128)
    (local $cr v128) (local $ci v128) (local $dr v128) (local $di v128) (local $c v128) (local $s v128)
    (local.set $bytes (i32.shl (local.get $half) (i32.const 4)))

    (local.set $i (local.get $places))
    (local.set $end (i32.add (local.get $places) (i32.shl (local.get $half) (i32.const 2))))
    (loop $sample
      (local.set $t (i32.load (local.get $i)))
      (v128.store (i32.add (local.get $re) (local.get $t)) (v128.load (local.get $frame)))
      (v128.store (i32.add (local.get $im) (local.get $t)) (v128.load offset=16 (local.get $frame)))
      (local.set $frame (i32.add (local.get $frame) (i32.const 32)))
      (br_if $sample (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get $end))))

    ;; The first two passes have no factors but 1 and -i, and are one.
    (local.set $i (i32.const 0))
    (loop $four
      (local.set $p (i32.add (local.get $re) (local.get $i)))
      (local.set $q (i32.add (local.get $im) (local.get $i)))
      (local.set $ar (f64x2.add (v128.load (local.get $p)) (v128.load offset=16 (local.get $p))))
      (local.set $ai (f64x2.add (v128.load (local.get $q)) (v128.load offset=16 (local.get $q))))
      (local.set $br (f64x2.sub (v128.load (local.get $p)) (v128.load offset=16 (local.get $p))))
      (local.set $bi (f64x2.sub (v128.load (local.get $q)) (v128.load offset=16 (local.get $q))))
      (local.set $cr (f64x2.add (v128.load offset=32 (local.get $p)) (v128.load offset=48 (local.get $p))))
      (local.set $ci (f64x2.add (v128.load offset=32 (local.get $q)) (v128.load offset=48 (local.get $q))))
      (local.set $dr (f64x2.sub (v128.load offset=32 (local.get $p)) (v128.load offset=48 (local.get $p))))
      (local.set $di (f64x2.sub (v128.load offset=32 (local.get $q)) (v128.load offset=48 (local.get $q))))
      (v128.store (local.get $p) (f64x2.add (local.get $ar) (local.get $cr)))
      (v128.store (local.get $q) (f64x2.add (local.get $ai) (local.get $ci)))
      (v128.store offset=16 (local.get $p) (f64x2.add (local.get $br) (local.get $di)))
      (v128.store offset=16 (local.get $q) (f64x2.sub (local.get $bi) (local.get $dr)))
      (v128.store offset=32 (local.get $p) (f64x2.sub (local.get $ar) (local.get $cr)))
      (v128.store offset=32 (local.get $q) (f64x2.sub (local.get $ai) (local.get $ci)))
      (v128.store offset=48 (local.get $p) (f64x2.sub (local.get $br) (local.get $di)))
      (v128.store offset=48 (local.get $q) (f64x2.add (local.get $bi) (local.get $dr)))
      (br_if $four (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 64))) (local.get $bytes))))

    ;; Passes of `span` numbers, here in bytes; factors are `stride` bytes apart.
    (local.set $span (i32.const 64))
    (loop $pass
      (local.set $stride (i32.shl (i32.div_u (local.get $bytes) (local.get $span)) (i32.const 3)))
      (local.set $i (i32.const 0))
      (loop $group
        (local.set $end (i32.add (local.get $i) (local.get $span)))
        (local.set $t (i32.const 0))
        (loop $pair
          (local.set $c (v128.load64_splat (i32.add (local.get $cosines) (local.get $t))))
          (local.set $s (v128.load64_splat (i32.add (local.get $sines) (local.get $t))))
          (local.set $p (i32.add (local.get $re) (local.get $i)))
          (local.set $q (i32.add (local.get $im) (local.get $i)))
          (local.set $br (v128.load (i32.add (local.get $p) (local.get $span))))
          (local.set $bi (v128.load (i32.add (local.get $q) (local.get $span))))
          (local.set $dr (f64x2.add (f64x2.mul (local.get $br) (local.get $c)) (f64x2.mul (local.get $bi) (local.get $s))))
          (local.set $di (f64x2.sub (f64x2.mul (local.get $bi) (local.get $c)) (f64x2.mul (local.get $br) (local.get $s))))
          (local.set $ar (v128.load (local.get $p)))
          (local.set $ai (v128.load (local.get $q)))
          (v128.store (local.get $p) (f64x2.add (local.get $ar) (local.get $dr)))
          (v128.store (local.get $q) (f64x2.add (local.get $ai) (local.get $di)))
          (v128.store (i32.add (local.get $p) (local.get $span)) (f64x2.sub (local.get $ar) (local.get $dr)))
          (v128.store (i32.add (local.get $q) (local.get $span)) (f64x2.sub (local.get $ai) (local.get $di)))
          (local.set $t (i32.add (local.get $t) (local.get $stride)))
          (br_if $pair (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 16))) (local.get $end))))
        (br_if $group (i32.lt_u (local.tee $i (i32.add (local.get $i) (local.get $span))) (local.get $bytes))))
      (br_if $pass (i32.lt_u (local.tee $span (i32.shl (local.get $span) (i32.const 1))) (local.get $bytes))))

    ;; The ends are real: the sum and the difference of the two parts.
    (local.set $ar (v128.load (local.get $re)))
    (local.set $ai (v128.load (local.get $im)))
    (local.set $c (f64x2.add (local.get $ar) (local.get $ai)))
    (local.set $s (f64x2.sub (local.get $ar) (local.get $ai)))
    (v128.store (local.get $powers) (f64x2.mul (local.get $c) (local.get $c)))
    (v128.store (i32.add (local.get $powers) (local.get $bytes)) (f64x2.mul (local.get $s) (local.get $s)))
    ;; In between, the spectra of even and odd samples are one transform's conjugate parts; here they are twice as large.
    (local.set $i (i32.const 16))
    (local.set $t (i32.const 8))
    (loop $bin
      (local.set $end (i32.sub (local.get $bytes) (local.get $i)))
      (local.set $ar (v128.load (i32.add (local.get $re) (local.get $i))))
      (local.set $ai (v128.load (i32.add (local.get $im) (local.get $i))))
      (local.set $br (v128.load (i32.add (local.get $re) (local.get $end))))
      (local.set $bi (v128.load (i32.add (local.get $im) (local.get $end))))
      (local.set $c (v128.load64_splat (i32.add (local.get $cosines) (local.get $t))))
      (local.set $s (v128.load64_splat (i32.add (local.get $sines) (local.get $t))))
      (local.set $cr (f64x2.add (local.get $ai) (local.get $bi)))
      (local.set $ci (f64x2.sub (local.get $br) (local.get $ar)))
      (local.set $dr (f64x2.add (f64x2.add (local.get $ar) (local.get $br))
        (f64x2.add (f64x2.mul (local.get $cr) (local.get $c)) (f64x2.mul (local.get $ci) (local.get $s)))))
      (local.set $di (f64x2.add (f64x2.sub (local.get $ai) (local.get $bi))
        (f64x2.sub (f64x2.mul (local.get $ci) (local.get $c)) (f64x2.mul (local.get $cr) (local.get $s)))))
      (v128.store (i32.add (local.get $powers) (local.get $i))
        (f64x2.mul (v128.const f64x2 0.25 0.25)
          (f64x2.add (f64x2.mul (local.get $dr) (local.get $dr)) (f64x2.mul (local.get $di) (local.get $di)))))
      (local.set $t (i32.add (local.get $t) (i32.const 8)))
      (br_if $bin (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 16))) (local.get $bytes)))))

  ;; Energies of two such spectra in `count` bands: band b weighs the bins from first[b] on with the weights from begin[b] to
  ;; begin[b + 1].
  (func (export "bands")
    (param $powers i32) (param $first i32) (param $begin i32) (param $weights i32) (param $count i32) (param $out i32)
    (local $from i32) (local $w i32) (local $end i32) (local $sum v128)
    (loop $band
      (local.set $from (i32.add (local.get $powers) (i32.shl (i32.load (local.get $first)) (i32.const 4))))
      (local.set $w (i32.add (local.get $weights) (i32.shl (i32.load (local.get $begin)) (i32.const 3))))
      (local.set $end (i32.add (local.get $weights) (i32.shl (i32.load offset=4 (local.get $begin)) (i32.const 3))))
      (local.set $sum (v128.const f64x2 0 0))
      (block $empty
        (br_if $empty (i32.ge_u (local.get $w) (local.get $end)))
        (loop $bin
          (local.set $sum (f64x2.add (local.get $sum)
            (f64x2.mul (v128.load (local.get $from)) (v128.load64_splat (local.get $w)))))
          (local.set $from (i32.add (local.get $from) (i32.const 16)))
          (br_if $bin (i32.lt_u (local.tee $w (i32.add (local.get $w) (i32.const 8))) (local.get $end)))))
      (v128.store (local.get $out) (local.get $sum))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (local.set $first (i32.add (local.get $first) (i32.const 4)))
      (local.set $begin (i32.add (local.get $begin) (i32.const 4)))
      (br_if $band (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
)
