; Gaussian elimination for small matrices, which stand by rows. LAPACK needs most of its time there to get ready.
;
; A panel of four columns is eliminated at a time, with row exchanges; what lies behind it then takes four rows off every
; row at once, so that each element is read and written once for four products (Golub and Van Loan, Matrix
; Computations, 3.4.6).

; row[j] -= factor * other[j]
define internal void @subtract(ptr noalias %row, ptr noalias readonly %other, @T@ %factor, i64 %count) #1 {
entry:
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %element, label %out
element:
  %j = phi i64 [ 0, %entry ], [ %next, %element ]
  %to = getelementptr inbounds @T@, ptr %row, i64 %j
  %from = getelementptr inbounds @T@, ptr %other, i64 %j
  %old = load @T@, ptr %to
  %value = load @T@, ptr %from
  %product = fmul contract @T@ %factor, %value
  %new = fsub contract @T@ %old, %product
  store @T@ %new, ptr %to
  %next = add nuw nsw i64 %j, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %element, label %out, !llvm.loop !0
out:
  ret void
}

; The sum of one[j] * other[j].
define internal @T@ @dot(ptr noalias readonly %one, ptr noalias readonly %other, i64 %count) #0 {
entry:
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %element, label %out
element:
  %j = phi i64 [ 0, %entry ], [ %next, %element ]
  %sum = phi @T@ [ 0.0, %entry ], [ %added, %element ]
  %left = getelementptr inbounds @T@, ptr %one, i64 %j
  %right = getelementptr inbounds @T@, ptr %other, i64 %j
  %a = load @T@, ptr %left
  %b = load @T@, ptr %right
  %product = fmul contract @T@ %a, %b
  %added = fadd reassoc contract @T@ %sum, %product
  %next = add nuw nsw i64 %j, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %element, label %out, !llvm.loop !0
out:
  %total = phi @T@ [ 0.0, %entry ], [ %added, %element ]
  ret @T@ %total
}

; Exchanges two different rows.
define internal void @exchange(ptr noalias %one, ptr noalias %other, i64 %count) #1 {
entry:
  br label %element
element:
  %j = phi i64 [ 0, %entry ], [ %next, %element ]
  %left = getelementptr inbounds @T@, ptr %one, i64 %j
  %right = getelementptr inbounds @T@, ptr %other, i64 %j
  %a = load @T@, ptr %left
  %b = load @T@, ptr %right
  store @T@ %b, ptr %left
  store @T@ %a, ptr %right
  %next = add nuw nsw i64 %j, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %element, label %out, !llvm.loop !0
out:
  ret void
}

; row[j] -= the sum of row[k - 4] * pivots[k * n + j] for k < 4
define internal void @subtract.four(ptr noalias %row, ptr noalias readonly %pivots, i64 %n, i64 %count) #1 {
entry:
  %place.0 = getelementptr inbounds @T@, ptr %row, i64 -4
  %place.1 = getelementptr inbounds @T@, ptr %row, i64 -3
  %place.2 = getelementptr inbounds @T@, ptr %row, i64 -2
  %place.3 = getelementptr inbounds @T@, ptr %row, i64 -1
  %factor.0 = load @T@, ptr %place.0
  %factor.1 = load @T@, ptr %place.1
  %factor.2 = load @T@, ptr %place.2
  %factor.3 = load @T@, ptr %place.3
  %pivots.1 = getelementptr inbounds @T@, ptr %pivots, i64 %n
  %pivots.2 = getelementptr inbounds @T@, ptr %pivots.1, i64 %n
  %pivots.3 = getelementptr inbounds @T@, ptr %pivots.2, i64 %n
  br label %element
element:
  %j = phi i64 [ 0, %entry ], [ %next, %element ]
  %to = getelementptr inbounds @T@, ptr %row, i64 %j
  %from.0 = getelementptr inbounds @T@, ptr %pivots, i64 %j
  %from.1 = getelementptr inbounds @T@, ptr %pivots.1, i64 %j
  %from.2 = getelementptr inbounds @T@, ptr %pivots.2, i64 %j
  %from.3 = getelementptr inbounds @T@, ptr %pivots.3, i64 %j
  %value.0 = load @T@, ptr %from.0
  %value.1 = load @T@, ptr %from.1
  %value.2 = load @T@, ptr %from.2
  %value.3 = load @T@, ptr %from.3
  %old = load @T@, ptr %to
  %product.0 = fmul contract @T@ %factor.0, %value.0
  %product.1 = fmul contract @T@ %factor.1, %value.1
  %product.2 = fmul contract @T@ %factor.2, %value.2
  %product.3 = fmul contract @T@ %factor.3, %value.3
  %less.0 = fsub contract @T@ %old, %product.0
  %less.1 = fsub contract @T@ %less.0, %product.1
  %less.2 = fsub contract @T@ %less.1, %product.2
  %less.3 = fsub contract @T@ %less.2, %product.3
  store @T@ %less.3, ptr %to
  %next = add nuw nsw i64 %j, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %element, label %out, !llvm.loop !0
out:
  ret void
}

; The row from k on with the largest element of column k; the first of several.
define internal i64 @pivot(ptr noalias readonly %matrix, i64 %n, i64 %k) #0 {
entry:
  %width = add i64 %n, 1
  %diagonal = mul i64 %k, %width
  %first.place = getelementptr inbounds @T@, ptr %matrix, i64 %diagonal
  %first = load @T@, ptr %first.place
  %first.size = call @T@ @llvm.fabs.@D@(@T@ %first)
  %below = add i64 %k, 1
  %some = icmp slt i64 %below, %n
  br i1 %some, label %row, label %out
row:
  %i = phi i64 [ %below, %entry ], [ %next, %row ]
  %place = phi ptr [ %first.place, %entry ], [ %here, %row ]
  %best = phi i64 [ %k, %entry ], [ %better, %row ]
  %largest = phi @T@ [ %first.size, %entry ], [ %larger, %row ]
  %here = getelementptr inbounds @T@, ptr %place, i64 %n
  %value = load @T@, ptr %here
  %size = call @T@ @llvm.fabs.@D@(@T@ %value)
  %wins = fcmp ogt @T@ %size, %largest
  %better = select i1 %wins, i64 %i, i64 %best
  %larger = select i1 %wins, @T@ %size, @T@ %largest
  %next = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %row, label %out, !llvm.loop !1
out:
  %found = phi i64 [ %k, %entry ], [ %better, %row ]
  ret i64 %found
}

; Divides column k below its pivot by it, and takes multiples of row k off the rows below, up to column `end`.
define internal void @below(ptr %matrix, i64 %n, i64 %k, i64 %end) #0 {
entry:
  %width = add i64 %n, 1
  %diagonal = mul i64 %k, %width
  %place = getelementptr inbounds @T@, ptr %matrix, i64 %diagonal
  %pivot = load @T@, ptr %place
  %singular = fcmp oeq @T@ %pivot, 0.0
  %below = add i64 %k, 1
  %some = icmp slt i64 %below, %n
  %left = sub i64 %end, %below
  %many = icmp sgt i64 %left, 0
  %skipped = xor i1 %singular, true
  %work = and i1 %skipped, %some
  br i1 %work, label %row, label %out
row:
  %i = phi i64 [ %below, %entry ], [ %next, %done ]
  %before = phi ptr [ %place, %entry ], [ %here, %done ]
  %here = getelementptr inbounds @T@, ptr %before, i64 %n
  %value = load @T@, ptr %here
  %factor = fdiv @T@ %value, %pivot
  store @T@ %factor, ptr %here
  br i1 %many, label %element, label %done
element:
  %j = phi i64 [ 0, %row ], [ %later, %element ]
  %later = add nuw nsw i64 %j, 1
  %from = getelementptr inbounds @T@, ptr %place, i64 %later
  %to = getelementptr inbounds @T@, ptr %here, i64 %later
  %above = load @T@, ptr %from
  %old = load @T@, ptr %to
  %product = fmul contract @T@ %factor, %above
  %new = fsub contract @T@ %old, %product
  store @T@ %new, ptr %to
  %on = icmp slt i64 %later, %left
  br i1 %on, label %element, label %done, !llvm.loop !1
done:
  %next = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %row, label %out, !llvm.loop !1
out:
  ret void
}

; Takes rows k0 to end of a panel off the later ones among them, behind the panel.
define internal void @within(ptr %matrix, i64 %n, i64 %k0, i64 %end) #0 {
entry:
  %second = add i64 %k0, 1
  %count = sub i64 %n, %end
  %some = icmp slt i64 %second, %end
  br i1 %some, label %row, label %out
row:
  %i = phi i64 [ %second, %entry ], [ %next, %done ]
  %start = mul i64 %i, %n
  %line = getelementptr inbounds @T@, ptr %matrix, i64 %start
  %behind = getelementptr inbounds @T@, ptr %line, i64 %end
  br label %pivot
pivot:
  %k = phi i64 [ %k0, %row ], [ %later, %pivot ]
  %place = getelementptr inbounds @T@, ptr %line, i64 %k
  %factor = load @T@, ptr %place
  %pivot.start = mul i64 %k, %n
  %pivot.line = getelementptr inbounds @T@, ptr %matrix, i64 %pivot.start
  %pivot.behind = getelementptr inbounds @T@, ptr %pivot.line, i64 %end
  call void @subtract(ptr %behind, ptr %pivot.behind, @T@ %factor, i64 %count)
  %later = add nuw nsw i64 %k, 1
  %on = icmp slt i64 %later, %i
  br i1 %on, label %pivot, label %done, !llvm.loop !1
done:
  %next = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %next, %end
  br i1 %more, label %row, label %out, !llvm.loop !1
out:
  ret void
}

; The factors of a matrix in its place, and the rows of the matrix in the order in which they now stand.
define void @elimination.lu.@D@(ptr %matrix, i64 %n, ptr %rows) #0 {
entry:
  %some = icmp sgt i64 %n, 0
  br i1 %some, label %number, label %out
number:
  %row = phi i64 [ 0, %entry ], [ %row.next, %number ]
  %row.place = getelementptr inbounds i64, ptr %rows, i64 %row
  store i64 %row, ptr %row.place
  %row.next = add nuw nsw i64 %row, 1
  %row.more = icmp slt i64 %row.next, %n
  br i1 %row.more, label %number, label %panel
panel:
  %k0 = phi i64 [ 0, %number ], [ %end, %done ]
  %full = add nuw nsw i64 %k0, 4
  %end = call i64 @llvm.smin.i64(i64 %full, i64 %n)
  br label %column
column:
  %k = phi i64 [ %k0, %panel ], [ %k.next, %eliminate ]
  %best = call i64 @pivot(ptr %matrix, i64 %n, i64 %k)
  %stays = icmp eq i64 %best, %k
  br i1 %stays, label %eliminate, label %swap
swap:
  %one.start = mul i64 %k, %n
  %other.start = mul i64 %best, %n
  %one = getelementptr inbounds @T@, ptr %matrix, i64 %one.start
  %other = getelementptr inbounds @T@, ptr %matrix, i64 %other.start
  call void @exchange(ptr %one, ptr %other, i64 %n)
  %one.place = getelementptr inbounds i64, ptr %rows, i64 %k
  %other.place = getelementptr inbounds i64, ptr %rows, i64 %best
  %one.row = load i64, ptr %one.place
  %other.row = load i64, ptr %other.place
  store i64 %other.row, ptr %one.place
  store i64 %one.row, ptr %other.place
  br label %eliminate
eliminate:
  call void @below(ptr %matrix, i64 %n, i64 %k, i64 %end)
  %k.next = add nuw nsw i64 %k, 1
  %k.more = icmp slt i64 %k.next, %end
  br i1 %k.more, label %column, label %eliminated, !llvm.loop !1
eliminated:
  call void @within(ptr %matrix, i64 %n, i64 %k0, i64 %end)
  %count = sub i64 %n, %end
  %pivot.start = mul i64 %k0, %n
  %pivot.place = add i64 %pivot.start, %end
  %pivots = getelementptr inbounds @T@, ptr %matrix, i64 %pivot.place
  %rest = icmp slt i64 %end, %n
  br i1 %rest, label %later, label %done
later:
  %i = phi i64 [ %end, %eliminated ], [ %i.next, %later ]
  %start = mul i64 %i, %n
  %place = add i64 %start, %end
  %behind = getelementptr inbounds @T@, ptr %matrix, i64 %place
  call void @subtract.four(ptr %behind, ptr %pivots, i64 %n, i64 %count)
  %i.next = add nuw nsw i64 %i, 1
  %i.more = icmp slt i64 %i.next, %n
  br i1 %i.more, label %later, label %done, !llvm.loop !1
done:
  br i1 %rest, label %panel, label %out, !llvm.loop !1
out:
  ret void
}

; Solves a triangular system for one vector, in its place. Flags: whether the triangle is the lower one, stands for its
; transpose, has ones as its diagonal. By rows an unknown is found from those before it; of a transpose it is taken off
; those behind it.
define void @elimination.triangle.@D@(ptr %matrix, i64 %n, ptr %vector, i1 %lower, i1 %transpose, i1 %unit) #0 {
entry:
  %upwards = xor i1 %lower, %transpose
  %last = add i64 %n, -1
  %some = icmp sgt i64 %n, 0
  br i1 %some, label %unknown, label %out
unknown:
  %turn = phi i64 [ 0, %entry ], [ %next, %done ]
  %from.end = sub i64 %last, %turn
  %i = select i1 %upwards, i64 %turn, i64 %from.end
  %start = mul i64 %i, %n
  %line = getelementptr inbounds @T@, ptr %matrix, i64 %start
  %behind = add i64 %i, 1
  %after = sub i64 %n, %behind
  %first = select i1 %lower, i64 0, i64 %behind
  %count = select i1 %lower, i64 %i, i64 %after
  %part = getelementptr inbounds @T@, ptr %line, i64 %first
  %others = getelementptr inbounds @T@, ptr %vector, i64 %first
  %place = getelementptr inbounds @T@, ptr %vector, i64 %i
  %diagonal.place = getelementptr inbounds @T@, ptr %line, i64 %i
  %stored = load @T@, ptr %diagonal.place
  %diagonal = select i1 %unit, @T@ 1.0, @T@ %stored
  %right = load @T@, ptr %place
  br i1 %transpose, label %by.columns, label %by.rows
by.rows:
  %known = call @T@ @dot(ptr %part, ptr %others, i64 %count)
  %left = fsub @T@ %right, %known
  %found = fdiv @T@ %left, %diagonal
  store @T@ %found, ptr %place
  br label %done
by.columns:
  %value = fdiv @T@ %right, %diagonal
  store @T@ %value, ptr %place
  call void @subtract(ptr %others, ptr %part, @T@ %value, i64 %count)
  br label %done
done:
  %next = add nuw nsw i64 %turn, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %unknown, label %out, !llvm.loop !1
out:
  ret void
}

declare @T@ @llvm.fabs.@D@(@T@)
declare i64 @llvm.smin.i64(i64, i64)

attributes #0 = { nounwind }
attributes #1 = { nounwind noinline }

; One vector at a time: the loops are short.
!0 = distinct !{!0, !2, !3}
!1 = distinct !{!1, !2, !4}
!2 = !{!"llvm.loop.unroll.disable"}
!3 = !{!"llvm.loop.interleave.count", i32 1}
!4 = !{!"llvm.loop.vectorize.enable", i1 false}
