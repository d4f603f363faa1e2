; The arena of a running program: { current chunk, next free byte, end of the chunk, first chunk, limit }.
; A chunk starts with { next chunk, size }, padded to a cache line. Releasing restores the first three
; fields; later chunks stay linked for reuse, and `memory.release_all` frees them when the program ends. One large chunk
; is kept for the next run, of whatever program in the process: fresh memory costs more than most of what is done with
; it. Who takes or leaves it exchanges the pointer, so that it has one owner at any time.
; With a limit other than 0 the first chunk is as large as all chunks may be (or the most that is kept), so that arrays
; leave no gaps at the ends of chunks; what is not written of it takes no memory.
; A chunk of several megabytes asks for huge pages (MADV_HUGEPAGE of Linux; other systems know no such advice and refuse
; it): a loop over what is stored then meets fewer pages, and fresh memory fewer faults.

@memory.kept = external global ptr

declare noalias ptr @malloc(i64) #1
declare void @free(ptr) #1
declare ptr @realloc(ptr, i64) #1
declare i32 @madvise(ptr, i64, i32) #1

define noalias ptr @memory.allocate(ptr nonnull %arena, i64 %bytes) #1 {
entry:
  %possible = icmp ult i64 %bytes, 140737488355328
  br i1 %possible, label %fast, label %impossible
impossible:
  ret ptr null
fast:
  %nonzero = call i64 @llvm.umax.i64(i64 %bytes, i64 1)
  %padded = add i64 %nonzero, 63
  %rounded = and i64 %padded, -64
  %bump.field = getelementptr i8, ptr %arena, i64 8
  %end.field = getelementptr i8, ptr %arena, i64 16
  %bump = load i64, ptr %bump.field
  %end = load i64, ptr %end.field
  %room = sub i64 %end, %bump
  %fits = icmp ule i64 %rounded, %room
  br i1 %fits, label %take, label %chunk
take:
  %after = add i64 %bump, %rounded
  store i64 %after, ptr %bump.field
  %taken = inttoptr i64 %bump to ptr
  ret ptr %taken
chunk:
  %other = call ptr @memory.next_chunk(ptr %arena, i64 %rounded)
  %failed = icmp eq ptr %other, null
  br i1 %failed, label %impossible, label %fast
}

define internal ptr @memory.next_chunk(ptr nonnull %arena, i64 %bytes) #1 {
entry:
  %current = load ptr, ptr %arena
  %fresh = icmp eq ptr %current, null
  %first.field = getelementptr i8, ptr %arena, i64 24
  %link = select i1 %fresh, ptr %first.field, ptr %current
  %next = load ptr, ptr %link
  %none = icmp eq ptr %next, null
  br i1 %none, label %new, label %look
look:
  %next.size.field = getelementptr i8, ptr %next, i64 8
  %next.size = load i64, ptr %next.size.field
  %enough = icmp uge i64 %next.size, %bytes
  br i1 %enough, label %enter, label %new
new:
  br i1 %fresh, label %sized, label %grow
grow:
  %current.size.field = getelementptr i8, ptr %current, i64 8
  %current.size = load i64, ptr %current.size.field
  %doubled = shl i64 %current.size, 1
  br label %sized
sized:
  %wanted = phi i64 [ 65536, %new ], [ %doubled, %grow ]
  %limit.field = getelementptr i8, ptr %arena, i64 32
  %limit = load i64, ptr %limit.field
  %limited = icmp ne i64 %limit, 0
  %desired = select i1 %limited, i64 %limit, i64 %wanted
  %capped = call i64 @llvm.umin.i64(i64 %desired, i64 67108864)
  %size = call i64 @llvm.umax.i64(i64 %capped, i64 %bytes)
  %spent = call i64 @llvm.umin.i64(i64 %size, i64 %limit)
  %left = sub i64 %limit, %spent
  %left.some = call i64 @llvm.umax.i64(i64 %left, i64 1)
  %new.limit = select i1 %limited, i64 %left.some, i64 0
  store i64 %new.limit, ptr %limit.field
  %large = icmp uge i64 %size, 1048576
  br i1 %large, label %ask, label %make
ask:
  %kept = atomicrmw xchg ptr @memory.kept, ptr null acq_rel, align 8
  %nothing = icmp eq ptr %kept, null
  br i1 %nothing, label %make, label %weigh
weigh:
  %kept.size.field = getelementptr i8, ptr %kept, i64 8
  %kept.size = load i64, ptr %kept.size.field
  %suffices = icmp uge i64 %kept.size, %size
  br i1 %suffices, label %insert, label %drop
drop:
  call void @free(ptr %kept)
  br label %make
make:
  %total = add i64 %size, 128
  %made = call ptr @malloc(i64 %total)
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %out, label %judge
out:
  ret ptr null
judge:
  %several = icmp uge i64 %size, 4194304
  %whole.limit = icmp ule i64 %limit, %size
  %huge = and i1 %several, %whole.limit
  br i1 %huge, label %advise, label %insert
advise:
  %made.address = ptrtoint ptr %made to i64
  %made.padded = add i64 %made.address, 4095
  %made.page = and i64 %made.padded, -4096
  %made.end = add i64 %made.address, %total
  %whole = sub i64 %made.end, %made.page
  %pages = inttoptr i64 %made.page to ptr
  %advised = call i32 @madvise(ptr %pages, i64 %whole, i32 14)
  br label %insert
insert:
  %got = phi ptr [ %kept, %weigh ], [ %made, %judge ], [ %made, %advise ]
  %got.size = phi i64 [ %kept.size, %weigh ], [ %size, %judge ], [ %size, %advise ]
  store ptr %next, ptr %got
  %got.size.field = getelementptr i8, ptr %got, i64 8
  store i64 %got.size, ptr %got.size.field
  store ptr %got, ptr %link
  br label %enter
enter:
  %chosen = phi ptr [ %next, %look ], [ %got, %insert ]
  %chosen.size.field = getelementptr i8, ptr %chosen, i64 8
  %chosen.size = load i64, ptr %chosen.size.field
  %address = ptrtoint ptr %chosen to i64
  %header = add i64 %address, 79
  %start = and i64 %header, -64
  %end = add i64 %start, %chosen.size
  store ptr %chosen, ptr %arena
  %bump.field = getelementptr i8, ptr %arena, i64 8
  store i64 %start, ptr %bump.field
  %end.field = getelementptr i8, ptr %arena, i64 16
  store i64 %end, ptr %end.field
  ret ptr %chosen
}

define void @memory.release_all(ptr nonnull %arena) #1 {
entry:
  %first.field = getelementptr i8, ptr %arena, i64 24
  %first = load ptr, ptr %first.field
  br label %loop
loop:
  %chunk = phi ptr [ %first, %entry ], [ %next, %drop ]
  %done = icmp eq ptr %chunk, null
  br i1 %done, label %out, label %free
free:
  %next = load ptr, ptr %chunk
  %size.field = getelementptr i8, ptr %chunk, i64 8
  %size = load i64, ptr %size.field
  %above = sub i64 %size, 1048576
  %worth.it = icmp ule i64 %above, 66060288
  br i1 %worth.it, label %keep, label %drop
keep:
  %old = atomicrmw xchg ptr @memory.kept, ptr %chunk acq_rel, align 8
  br label %drop
drop:
  %unused = phi ptr [ %chunk, %free ], [ %old, %keep ]
  call void @free(ptr %unused)
  br label %loop
out:
  ret void
}

define noalias ptr @memory.heap(i64 %bytes) #1 {
entry:
  %possible = icmp ult i64 %bytes, 140737488355328
  br i1 %possible, label %allocate, label %impossible
impossible:
  ret ptr null
allocate:
  %nonzero = call i64 @llvm.umax.i64(i64 %bytes, i64 1)
  %made = call ptr @malloc(i64 %nonzero)
  ret ptr %made
}

; Room for `bytes` in a growable array { pointer, capacity }; false when there is none.
define i1 @memory.reserve(ptr nonnull %array, i64 %bytes) #1 {
entry:
  %capacity.field = getelementptr i8, ptr %array, i64 8
  %capacity = load i64, ptr %capacity.field
  %enough = icmp ule i64 %bytes, %capacity
  br i1 %enough, label %good, label %check
good:
  ret i1 true
check:
  %possible = icmp ult i64 %bytes, 140737488355328
  br i1 %possible, label %grow, label %bad
bad:
  ret i1 false
grow:
  %doubled = shl i64 %capacity, 1
  %larger = call i64 @llvm.umax.i64(i64 %doubled, i64 %bytes)
  %size = call i64 @llvm.umax.i64(i64 %larger, i64 1024)
  %old = load ptr, ptr %array
  %new = call ptr @realloc(ptr %old, i64 %size)
  %failed = icmp eq ptr %new, null
  br i1 %failed, label %bad, label %moved
moved:
  store ptr %new, ptr %array
  store i64 %size, ptr %capacity.field
  ret i1 true
}

define void @memory.drop(ptr nonnull %array) #1 {
entry:
  %old = load ptr, ptr %array
  call void @free(ptr %old)
  store ptr null, ptr %array
  %capacity.field = getelementptr i8, ptr %array, i64 8
  store i64 0, ptr %capacity.field
  ret void
}

declare i64 @llvm.umax.i64(i64, i64)
declare i64 @llvm.umin.i64(i64, i64)

attributes #1 = { nounwind noinline }
