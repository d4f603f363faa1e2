; The way from Python into a compiled function, as a function of Python that is machine code itself: it takes the
; caller and a tuple of arguments, fills a frame (see `layout.py`), enters the function and makes Python's results.
; What it does is written in a plan (see `door.py`), an object `bytes` of 8-byte words, which Python hands over as %self:
;
;   0 compiled function      1 what to call instead     2 what settles a status    3 address of a flag: is it ready?
;   4 let others run         5 slots of the frame       6 leaves of the arguments  7 records of arguments
;   8 results                9 steps                   10 address for interrupts  11 threads
;  12 the type of arrays   13 what makes the leaves   14 what makes a large array
;  15 records: those of the arguments, of the results, the steps
;
; A record begins with its number of words and its kind. Whatever is not plain (another type, another size, another
; layout of memory, a result too large) is left to the function that is called instead, with the same arguments; it has
; the words for every mistake.
;
; HEAD stands for the bytes of a Python object before its own fields, TYPE for where it keeps its type. Behind HEAD an
; array has: data, number of dimensions (i32), dimensions, strides, base, descriptor of the elements, flags (i32).

declare ptr @PyBytes_AsString(ptr)
declare i64 @PyTuple_Size(ptr)
declare ptr @PyLong_FromLongLong(i64)
declare void @PyErr_Clear()
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)

define ptr @enter(ptr %self, ptr %given, i64 %count) {
entry:
  %plan = call ptr @PyBytes_AsString(ptr %self)
  %ready.word = call i64 @word(ptr %plan, i64 3)
  %ready.place = inttoptr i64 %ready.word to ptr
  %ready = load i32, ptr %ready.place
  %prepared = icmp ne i32 %ready, 0
  %two = icmp eq i64 %count, 2
  %possible = and i1 %prepared, %two
  br i1 %possible, label %open, label %instead
open:
  %place = getelementptr ptr, ptr %given, i64 1
  %arguments = load ptr, ptr %place
  %leaves = call ptr @leaves(ptr %plan, ptr %arguments)
  %opened = icmp ne ptr %leaves, null
  br i1 %opened, label %look, label %raised
raised:
  ret ptr null
look:
  %size = call i64 @PyTuple_Size(ptr %leaves)
  %expected = call i64 @word(ptr %plan, i64 6)
  %fits = icmp eq i64 %size, %expected
  br i1 %fits, label %take, label %unusual
take:
  %slots = call i64 @word(ptr %plan, i64 5)
  %results = call i64 @word(ptr %plan, i64 8)
  %frame = alloca i64, i64 %slots, align 16
  %objects = alloca ptr, i64 %results, align 16
  call void @head(ptr %plan, ptr %frame)
  %records = getelementptr i64, ptr %plan, i64 15
  %made.records = call ptr @take_all(ptr %plan, ptr %records, ptr %leaves, ptr %frame)
  %plain = icmp ne ptr %made.records, null
  br i1 %plain, label %make, label %unusual
make:
  %room = call i1 @make_all(ptr %plan, ptr %made.records, ptr %frame, ptr %objects)
  br i1 %room, label %run, label %unusual
run:
  %good = call i1 @run(ptr %plan, ptr %frame)
  call void @Py_DecRef(ptr %leaves)
  br i1 %good, label %give, label %failed
give:
  %result = call ptr @given(ptr %plan, ptr %made.records, ptr %frame, ptr %objects)
  ret ptr %result
failed:
  call void @forget(ptr %objects, i64 %results)
  ret ptr null
unusual:
  call void @PyErr_Clear()
  call void @Py_DecRef(ptr %leaves)
  br label %instead
instead:
  %instead.word = call i64 @word(ptr %plan, i64 1)
  %instead.object = inttoptr i64 %instead.word to ptr
  %answer = call ptr @PyObject_Vectorcall(ptr %instead.object, ptr %given, i64 %count, ptr null)
  ret ptr %answer
}

define internal i64 @word(ptr %record, i64 %k) alwaysinline {
  %place = getelementptr i64, ptr %record, i64 %k
  %word = load i64, ptr %place
  ret i64 %word
}

define internal ptr @following(ptr %record) alwaysinline {
  %length = load i64, ptr %record
  %next = getelementptr i64, ptr %record, i64 %length
  ret ptr %next
}

; The tuple of all leaves of the arguments, owned: they themselves, or what a function of Python makes of the tuple, an
; empty one where an argument is unusual.
define internal ptr @leaves(ptr %plan, ptr %arguments) {
entry:
  %opener = call i64 @word(ptr %plan, i64 13)
  %flat = icmp eq i64 %opener, 0
  br i1 %flat, label %same, label %call
same:
  call void @Py_IncRef(ptr %arguments)
  ret ptr %arguments
call:
  %function = inttoptr i64 %opener to ptr
  %list = alloca ptr
  store ptr %arguments, ptr %list
  %leaves = call ptr @PyObject_Vectorcall(ptr %function, ptr %list, i64 1, ptr null)
  ret ptr %leaves
}

; No callbacks, the flag of interrupts, the number of threads.
define internal void @head(ptr %plan, ptr %frame) {
  store i64 0, ptr %frame
  %flag = call i64 @word(ptr %plan, i64 10)
  %flag.place = getelementptr i64, ptr %frame, i64 1
  store i64 %flag, ptr %flag.place
  %threads = call i64 @word(ptr %plan, i64 11)
  %threads.place = getelementptr i64, ptr %frame, i64 2
  store i64 %threads, ptr %threads.place
  ret void
}

; The arguments into the frame; gives the record behind the last one, or null where one is not plain.
define internal ptr @take_all(ptr %plan, ptr %records, ptr %arguments, ptr %frame) {
entry:
  %count = call i64 @word(ptr %plan, i64 7)
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %more, %one ]
  %record = phi ptr [ %records, %entry ], [ %next, %one ]
  %left = icmp slt i64 %k, %count
  br i1 %left, label %one, label %done
one:
  %plain = call i1 @take(ptr %record, ptr %arguments, ptr %frame)
  %more = add i64 %k, 1
  %next = call ptr @following(ptr %record)
  br i1 %plain, label %loop, label %unusual
unusual:
  ret ptr null
done:
  ret ptr %record
}

; The compiled function. False where it failed; then Python knows how.
define internal i1 @run(ptr %plan, ptr %frame) {
entry:
  %function.word = load i64, ptr %plan
  %function = inttoptr i64 %function.word to ptr
  %releases = call i64 @word(ptr %plan, i64 4)
  %brief = icmp eq i64 %releases, 0
  br i1 %brief, label %alone, label %beside
alone:
  %quick = call i32 %function(ptr %frame)
  br label %done
beside:
  %state = call ptr @PyEval_SaveThread()
  %slow = call i32 %function(ptr %frame)
  call void @PyEval_RestoreThread(ptr %state)
  br label %done
done:
  %status = phi i32 [ %quick, %alone ], [ %slow, %beside ]
  %good = icmp eq i32 %status, 0
  br i1 %good, label %over, label %settle
settle:
  %settled = call i1 @settle(ptr %plan, i32 %status, ptr %frame)
  ret i1 %settled
over:
  ret i1 true
}

; Calls what settles a status, a function of Python, with the status and the address of the frame.
define internal i1 @settle(ptr %plan, i32 %status, ptr %frame) {
entry:
  %pair = alloca [2 x ptr], align 16
  %wide = sext i32 %status to i64
  %first = call ptr @PyLong_FromLongLong(i64 %wide)
  %address = ptrtoint ptr %frame to i64
  %second = call ptr @PyLong_FromLongLong(i64 %address)
  %a = icmp ne ptr %first, null
  %b = icmp ne ptr %second, null
  %both = and i1 %a, %b
  %second.place = getelementptr ptr, ptr %pair, i64 1
  store ptr %first, ptr %pair
  store ptr %second, ptr %second.place
  br i1 %both, label %ask, label %failed
ask:
  %settler.word = call i64 @word(ptr %plan, i64 2)
  %settler = inttoptr i64 %settler.word to ptr
  %answer = call ptr @PyObject_Vectorcall(ptr %settler, ptr %pair, i64 2, ptr null)
  call void @forget(ptr %pair, i64 2)
  %raised = icmp eq ptr %answer, null
  br i1 %raised, label %out, label %good
good:
  call void @Py_DecRef(ptr %answer)
  ret i1 true
failed:
  call void @forget(ptr %pair, i64 2)
  br label %out
out:
  ret i1 false
}

; Gives up objects, of which some may be null; nulls are left.
define internal void @forget(ptr %objects, i64 %count) {
entry:
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %more, %one ]
  %left = icmp slt i64 %k, %count
  br i1 %left, label %one, label %done
one:
  %place = getelementptr ptr, ptr %objects, i64 %k
  %object = load ptr, ptr %place
  store ptr null, ptr %place
  call void @Py_DecRef(ptr %object)
  %more = add i64 %k, 1
  br label %loop
done:
  ret void
}
