; A pool of threads that share the ranges of a loop: `pool.run(function, environment, ranges, threads)` calls
; function(environment, k) for k = 0 .. ranges - 1 (below 2^31), each once, and returns when all are done.
;
; Every member of a job, the caller being number 0, has a block of neighbouring ranges, which it works through from the
; front: memory is then read onwards, as the processor foresees, and loops that follow each other on the same arrays find
; in the cache of each core what it had before. Whose block is empty takes from the back of the others'; so a call never
; waits for a worker that has not begun. A block is one word, its end above its start, on a line of its own: as long as
; nobody else takes from it, its owner never waits for the line. One call at a time has the pool. Who finds it taken
; (another thread of the host, or a caller inside a range), runs its ranges in order.
;
; A worker announces itself in @active before it looks whether there is a job (@open); the caller closes the job
; before it waits for @active to become 0. Both are sequentially consistent: either the worker sees the job closed, or
; the caller sees the worker and leaves the job as it is until the worker is done. Between two jobs workers watch
; @generation for a while, some tens of microseconds without a break and then half a millisecond in which they let all
; others go first, and then sleep: to be woken takes as long as a small job.

@blocks = internal global [256 x [16 x i64]] zeroinitializer, align 128
@active = internal global i64 0, align 128
@generation = internal global i64 0, align 128
@open = internal global i64 0, align 128
@function = internal global ptr null, align 128
@environment = internal global ptr null
@members = internal global i64 0
@sleepers = internal global i64 0, align 128
@workers = internal global i64 0
@stopped = internal global i64 0
@handles = internal global [256 x ptr] zeroinitializer
@job.lock = internal global [128 x i8] zeroinitializer, align 128
@sleep.lock = internal global [128 x i8] zeroinitializer, align 128
@wake = internal global [128 x i8] zeroinitializer, align 128
@set.mask = global i32 2

declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(ptr, ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setstacksize(ptr, i64)
declare i32 @pthread_attr_destroy(ptr)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_trylock(ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @sigfillset(ptr)
declare i32 @sched_yield()

; Makes an empty pool: at the start, and in a child process, which has none of its parent's threads.
define void @prepare() {
  %a = call i32 @pthread_mutex_init(ptr @job.lock, ptr null)
  %b = call i32 @pthread_mutex_init(ptr @sleep.lock, ptr null)
  %c = call i32 @pthread_cond_init(ptr @wake, ptr null)
  store i64 0, ptr @active
  store i64 0, ptr @open
  store i64 0, ptr @sleepers
  store i64 0, ptr @workers
  ret void
}

define void @run(ptr %function, ptr %environment, i64 %ranges, i64 %threads) {
entry:
  %several.ranges = icmp sgt i64 %ranges, 1
  %several.threads = icmp sgt i64 %threads, 1
  %several = and i1 %several.ranges, %several.threads
  br i1 %several, label %try, label %in.order
try:
  %taken = call i32 @pthread_mutex_trylock(ptr @job.lock)
  %free = icmp eq i32 %taken, 0
  br i1 %free, label %share, label %in.order
share:
  %others = sub i64 %threads, 1
  %most = sub i64 %ranges, 1
  %useful = call i64 @llvm.smin.i64(i64 %others, i64 %most)
  %wanted = call i64 @llvm.smin.i64(i64 %useful, i64 255)
  call void @hire(i64 %wanted)
  store ptr %function, ptr @function
  store ptr %environment, ptr @environment
  %members = add i64 %wanted, 1
  store i64 %members, ptr @members
  call void @divide(i64 %ranges, i64 %members)
  store atomic i64 1, ptr @open seq_cst, align 128
  call void @announce()
  call void @take(i64 0)
  store atomic i64 0, ptr @open seq_cst, align 128
  br label %wait
wait:
  %spins = phi i64 [ 0, %share ], [ %more, %spin ], [ 0, %yield ]
  %working = load atomic i64, ptr @active seq_cst, align 128
  %idle = icmp eq i64 %working, 0
  br i1 %idle, label %done, label %long
long:
  %more = add i64 %spins, 1
  %patient = icmp ult i64 %more, 4000
  br i1 %patient, label %spin, label %yield
spin:
  PAUSE
  br label %wait
yield:
  %y = call i32 @sched_yield()
  br label %wait
done:
  %u = call i32 @pthread_mutex_unlock(ptr @job.lock)
  ret void
in.order:
  %any = icmp sgt i64 %ranges, 0
  br i1 %any, label %each, label %out
each:
  %k = phi i64 [ 0, %in.order ], [ %following, %each ]
  call void %function(ptr %environment, i64 %k)
  %following = add i64 %k, 1
  %again = icmp slt i64 %following, %ranges
  br i1 %again, label %each, label %out
out:
  ret void
}

; A new generation; wakes who sleeps. A worker counts itself among the sleepers before it looks at the generation.
define internal void @announce() {
  %g = atomicrmw add ptr @generation, i64 1 seq_cst
  %asleep = load atomic i64, ptr @sleepers seq_cst, align 128
  %some = icmp ne i64 %asleep, 0
  br i1 %some, label %wake, label %out
wake:
  %a = call i32 @pthread_mutex_lock(ptr @sleep.lock)
  %b = call i32 @pthread_cond_broadcast(ptr @wake)
  %c = call i32 @pthread_mutex_unlock(ptr @sleep.lock)
  br label %out
out:
  ret void
}

; Gives each member its block of the ranges.
define internal void @divide(i64 %ranges, i64 %members) {
entry:
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %following, %loop ]
  %start = phi i64 [ 0, %entry ], [ %end, %loop ]
  %following = add i64 %k, 1
  %product = mul i64 %ranges, %following
  %end = udiv i64 %product, %members
  %high = shl i64 %end, 32
  %word = or i64 %high, %start
  %block = getelementptr [16 x i64], ptr @blocks, i64 %k
  store atomic i64 %word, ptr %block monotonic, align 128
  %again = icmp ult i64 %following, %members
  br i1 %again, label %loop, label %out
out:
  ret void
}

; A range of a block, from its front or its back; -1 if there is none.
define internal i64 @claim(ptr %block, i1 %front) {
entry:
  %first = load atomic i64, ptr %block monotonic, align 128
  br label %look
look:
  %word = phi i64 [ %first, %entry ], [ %found, %some ]
  %start = and i64 %word, 4294967295
  %end = lshr i64 %word, 32
  %last = sub i64 %end, 1
  %left = icmp ult i64 %start, %end
  br i1 %left, label %some, label %none
some:
  %shorter = sub i64 %word, 4294967296
  %later = add i64 %word, 1
  %rest = select i1 %front, i64 %later, i64 %shorter
  %range = select i1 %front, i64 %start, i64 %last
  %swapped = cmpxchg ptr %block, i64 %word, i64 %rest acq_rel monotonic, align 128
  %found = extractvalue { i64, i1 } %swapped, 0
  %mine = extractvalue { i64, i1 } %swapped, 1
  br i1 %mine, label %taken, label %look
taken:
  ret i64 %range
none:
  ret i64 -1
}

; Ranges of the open job, as long as there are any: those of the member's own block and then of the others', whose
; numbers differ from its own in ever higher bits.
define internal void @take(i64 %member) {
entry:
  %function = load ptr, ptr @function
  %environment = load ptr, ptr @environment
  %members = load i64, ptr @members
  %largest = sub i64 %members, 1
  %zeros = call i64 @llvm.ctlz.i64(i64 %largest, i1 false)
  %bits = sub i64 64, %zeros
  %differences = shl i64 1, %bits
  br label %next
next:
  %difference = phi i64 [ 0, %entry ], [ %greater, %following ]
  %over = icmp uge i64 %difference, %differences
  br i1 %over, label %out, label %choose
choose:
  %owner = xor i64 %member, %difference
  %exists = icmp ult i64 %owner, %members
  %block = getelementptr [16 x i64], ptr @blocks, i64 %owner
  %own = icmp eq i64 %difference, 0
  br i1 %exists, label %loop, label %following
loop:
  %k = call i64 @claim(ptr %block, i1 %own)
  %none = icmp slt i64 %k, 0
  br i1 %none, label %following, label %one
one:
  call void %function(ptr %environment, i64 %k)
  br label %loop
following:
  %greater = add i64 %difference, 1
  br label %next
out:
  ret void
}

; Threads up to the wanted number; as many as there are, if the system gives no more. All signals are left to the
; threads of the host.
define internal void @hire(i64 %wanted) {
entry:
  %attributes = alloca [128 x i8], align 16
  %all = alloca [256 x i8], align 16
  %before = alloca [256 x i8], align 16
  %have = load i64, ptr @workers
  %enough = icmp sge i64 %have, %wanted
  %over = load atomic i64, ptr @stopped seq_cst, align 8
  %closed = icmp ne i64 %over, 0
  %none = or i1 %enough, %closed
  br i1 %none, label %out, label %start
start:
  %how = load i32, ptr @set.mask
  %a = call i32 @sigfillset(ptr %all)
  %b = call i32 @pthread_sigmask(i32 %how, ptr %all, ptr %before)
  %c = call i32 @pthread_attr_init(ptr %attributes)
  %d = call i32 @pthread_attr_setstacksize(ptr %attributes, i64 8388608)
  br label %loop
loop:
  %k = phi i64 [ %have, %start ], [ %following, %made ]
  %full = icmp sge i64 %k, %wanted
  br i1 %full, label %finish, label %create
create:
  %generation = load atomic i64, ptr @generation monotonic, align 128
  %handle = getelementptr ptr, ptr @handles, i64 %k
  %following = add i64 %k, 1
  %seen = shl i64 %generation, 8
  %both = or i64 %seen, %following
  %begin = inttoptr i64 %both to ptr
  %refused = call i32 @pthread_create(ptr %handle, ptr %attributes, ptr @work, ptr %begin)
  %good = icmp eq i32 %refused, 0
  br i1 %good, label %made, label %finish
made:
  store i64 %following, ptr @workers
  br label %loop
finish:
  %e = call i32 @pthread_attr_destroy(ptr %attributes)
  %f = call i32 @pthread_sigmask(i32 %how, ptr %before, ptr null)
  br label %out
out:
  ret void
}

; A worker: told by which generation it was hired, and in the last eight bits its number.
define internal ptr @work(ptr %begin) {
entry:
  %both = ptrtoint ptr %begin to i64
  %first = lshr i64 %both, 8
  %member = and i64 %both, 255
  br label %watch
watch:
  %seen = phi i64 [ %first, %entry ], [ %now, %leave ]
  br label %look
look:
  %spins = phi i64 [ 0, %watch ], [ %more, %spin ], [ %more, %give.way ]
  %generation = load atomic i64, ptr @generation seq_cst, align 128
  %news = icmp ne i64 %generation, %seen
  br i1 %news, label %enter, label %same
same:
  %more = add i64 %spins, 1
  %patient = icmp ult i64 %more, 2000
  br i1 %patient, label %spin, label %longer
spin:
  PAUSE
  br label %look
longer:
  %still.patient = icmp ult i64 %more, 4000
  br i1 %still.patient, label %give.way, label %sleep
give.way:
  %y = call i32 @sched_yield()
  br label %look
sleep:
  %a = call i32 @pthread_mutex_lock(ptr @sleep.lock)
  %s = atomicrmw add ptr @sleepers, i64 1 seq_cst
  br label %asleep
asleep:
  %present = load atomic i64, ptr @generation seq_cst, align 128
  %still = icmp eq i64 %present, %seen
  br i1 %still, label %doze, label %awake
doze:
  %b = call i32 @pthread_cond_wait(ptr @wake, ptr @sleep.lock)
  br label %asleep
awake:
  %t = atomicrmw sub ptr @sleepers, i64 1 seq_cst
  %c = call i32 @pthread_mutex_unlock(ptr @sleep.lock)
  br label %enter
enter:
  %now = load atomic i64, ptr @generation seq_cst, align 128
  %in = atomicrmw add ptr @active, i64 1 seq_cst
  %opened = load atomic i64, ptr @open seq_cst, align 128
  %job = icmp ne i64 %opened, 0
  br i1 %job, label %place, label %leave
place:
  %members = load i64, ptr @members
  %welcome = icmp ult i64 %member, %members
  br i1 %welcome, label %help, label %leave
help:
  call void @take(i64 %member)
  br label %leave
leave:
  %out = atomicrmw sub ptr @active, i64 1 seq_cst
  %over = load atomic i64, ptr @stopped seq_cst, align 8
  %closed = icmp ne i64 %over, 0
  br i1 %closed, label %end, label %watch
end:
  ret ptr null
}

; Before the code of the pool is unloaded: all workers end, and none is hired any more.
define void @stop() {
entry:
  store atomic i64 1, ptr @stopped seq_cst, align 8
  %a = call i32 @pthread_mutex_lock(ptr @job.lock)
  call void @announce()
  %count = load i64, ptr @workers
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %following, %join ]
  %left = icmp slt i64 %k, %count
  br i1 %left, label %join, label %out
join:
  %handle = getelementptr ptr, ptr @handles, i64 %k
  %thread = load ptr, ptr %handle
  %b = call i32 @pthread_join(ptr %thread, ptr null)
  %following = add i64 %k, 1
  br label %loop
out:
  store i64 0, ptr @workers
  %c = call i32 @pthread_mutex_unlock(ptr @job.lock)
  ret void
}

declare i64 @llvm.ctlz.i64(i64, i1)
declare i64 @llvm.smin.i64(i64, i64)
