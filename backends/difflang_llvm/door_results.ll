; What the door (`door.ll`) makes of the results: arrays before the call, whose memory the function fills, the rest after.

declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare ptr @PyArray_NewFromDescr(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
declare ptr @PyArray_Scalar(ptr, ptr, ptr)

; The arrays for the results; null stands for one that is no array. Gives false, and nothing, where one is not plain.
define internal i1 @make_all(ptr %plan, ptr %records, ptr %frame, ptr %objects) {
entry:
  %count = call i64 @word(ptr %plan, i64 8)
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %more, %kept ]
  %record = phi ptr [ %records, %entry ], [ %next, %kept ]
  %left = icmp slt i64 %k, %count
  br i1 %left, label %one, label %done
one:
  %kind = call i64 @word(ptr %record, i64 1)
  %is.array = icmp eq i64 %kind, 5
  br i1 %is.array, label %array, label %kept
array:
  %object = call ptr @make(ptr %plan, ptr %record, ptr %frame)
  %missing = icmp eq ptr %object, null
  br i1 %missing, label %unusual, label %kept
kept:
  %entry.object = phi ptr [ null, %one ], [ %object, %array ]
  %place = getelementptr ptr, ptr %objects, i64 %k
  store ptr %entry.object, ptr %place
  %more = add i64 %k, 1
  %next = call ptr @following(ptr %record)
  br label %loop
unusual:
  call void @forget(ptr %objects, i64 %k)
  ret i1 false
done:
  ret i1 true
}

; A new array. Words of the record: 2 the slot, 3 the descriptor, 4 the most elements of one whose memory NumPy itself
; uses again, 5 the number of dimensions; then for each of them a slot and 0, or -1 and the extent.
define internal ptr @make(ptr %plan, ptr %record, ptr %frame) {
entry:
  %most = call i64 @word(ptr %record, i64 4)
  %rank = call i64 @word(ptr %record, i64 5)
  %shape = alloca i64, i64 %rank, align 16
  br label %loop
loop:
  %axis = phi i64 [ 0, %entry ], [ %more, %kept ]
  %elements = phi i64 [ 1, %entry ], [ %product, %kept ]
  %left = icmp slt i64 %axis, %rank
  br i1 %left, label %one, label %create
one:
  %extent = call i64 @extent(ptr %record, i64 %axis, ptr %frame)
  %possible = icmp ule i64 %extent, %most
  br i1 %possible, label %multiply, label %many
multiply:
  %product = mul i64 %elements, %extent
  %few = icmp ule i64 %product, %most
  br i1 %few, label %kept, label %many
kept:
  %place = getelementptr i64, ptr %shape, i64 %axis
  store i64 %extent, ptr %place
  %more = add i64 %axis, 1
  br label %loop
create:
  %type.word = call i64 @word(ptr %plan, i64 12)
  %type = inttoptr i64 %type.word to ptr
  %descriptor.word = call i64 @word(ptr %record, i64 3)
  %descriptor = inttoptr i64 %descriptor.word to ptr
  call void @Py_IncRef(ptr %descriptor)
  %narrow = trunc i64 %rank to i32
  %small = call ptr @PyArray_NewFromDescr(ptr %type, ptr %descriptor, i32 %narrow, ptr %shape, ptr null, ptr null, i32 0, ptr null)
  br label %made
many:
  %large = call ptr @large(ptr %plan, ptr %record, ptr %frame)
  br label %made
made:
  %array = phi ptr [ %small, %create ], [ %large, %many ]
  %refused = icmp eq ptr %array, null
  br i1 %refused, label %clear, label %fill
fill:
  %data.place = getelementptr i8, ptr %array, i64 HEAD
  %data = load i64, ptr %data.place
  %slot = call i64 @word(ptr %record, i64 2)
  %target = getelementptr i64, ptr %frame, i64 %slot
  store i64 %data, ptr %target
  ret ptr %array
clear:
  call void @PyErr_Clear()
  ret ptr null
}

; A large array, from a function of Python that takes its shape and the descriptor; null, and an error, where it fails.
define internal ptr @large(ptr %plan, ptr %record, ptr %frame) {
entry:
  %rank = call i64 @word(ptr %record, i64 5)
  %pair = alloca [2 x ptr], align 16
  %shape = call ptr @PyTuple_New(i64 %rank)
  %missing = icmp eq ptr %shape, null
  br i1 %missing, label %failed, label %loop
loop:
  %axis = phi i64 [ 0, %entry ], [ %more, %kept ]
  %left = icmp slt i64 %axis, %rank
  br i1 %left, label %one, label %call
one:
  %extent = call i64 @extent(ptr %record, i64 %axis, ptr %frame)
  %number = call ptr @PyLong_FromLongLong(i64 %extent)
  %none = icmp eq ptr %number, null
  br i1 %none, label %drop, label %kept
kept:
  %set = call i32 @PyTuple_SetItem(ptr %shape, i64 %axis, ptr %number)
  %more = add i64 %axis, 1
  br label %loop
call:
  %descriptor.word = call i64 @word(ptr %record, i64 3)
  %descriptor = inttoptr i64 %descriptor.word to ptr
  %second = getelementptr ptr, ptr %pair, i64 1
  store ptr %shape, ptr %pair
  store ptr %descriptor, ptr %second
  %maker.word = call i64 @word(ptr %plan, i64 14)
  %maker = inttoptr i64 %maker.word to ptr
  %array = call ptr @PyObject_Vectorcall(ptr %maker, ptr %pair, i64 2, ptr null)
  call void @Py_DecRef(ptr %shape)
  ret ptr %array
drop:
  call void @Py_DecRef(ptr %shape)
  br label %failed
failed:
  ret ptr null
}

define internal i64 @extent(ptr %record, i64 %axis, ptr %frame) {
  %skipped = mul i64 %axis, 2
  %begin = add i64 %skipped, 6
  %slot = call i64 @word(ptr %record, i64 %begin)
  %known = icmp slt i64 %slot, 0
  br i1 %known, label %constant, label %size
constant:
  %behind = add i64 %begin, 1
  %extent = call i64 @word(ptr %record, i64 %behind)
  ret i64 %extent
size:
  %value = call i64 @word(ptr %frame, i64 %slot)
  ret i64 %value
}

; The result of the call, of the arrays that were made before and of scalars as NumPy makes them.
define internal ptr @given(ptr %plan, ptr %records, ptr %frame, ptr %objects) {
entry:
  %count = call i64 @word(ptr %plan, i64 8)
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %more, %kept ]
  %record = phi ptr [ %records, %entry ], [ %next, %kept ]
  %left = icmp slt i64 %k, %count
  br i1 %left, label %one, label %all
one:
  %place = getelementptr ptr, ptr %objects, i64 %k
  %kind = call i64 @word(ptr %record, i64 1)
  %is.array = icmp eq i64 %kind, 5
  br i1 %is.array, label %kept, label %scalar
scalar:
  %slot = call i64 @word(ptr %record, i64 2)
  %source = getelementptr i64, ptr %frame, i64 %slot
  %descriptor.word = call i64 @word(ptr %record, i64 3)
  %descriptor = inttoptr i64 %descriptor.word to ptr
  %object = call ptr @PyArray_Scalar(ptr %source, ptr %descriptor, ptr null)
  store ptr %object, ptr %place
  %missing = icmp eq ptr %object, null
  br i1 %missing, label %failed, label %kept
kept:
  %more = add i64 %k, 1
  %next = call ptr @following(ptr %record)
  br label %loop
all:
  %built = call i1 @build(ptr %plan, ptr %record, ptr %objects)
  br i1 %built, label %good, label %failed
good:
  %result = load ptr, ptr %objects
  ret ptr %result
failed:
  call void @forget(ptr %objects, i64 %count)
  ret ptr null
}

; A step of construction has two words, a number and an object: the last so many of the values in front become one value,
; a tuple, or what the object, a function of Python, makes of them; with the number -1 the next of the objects is a value
; too. The values stand where the objects stood; what is taken out leaves null.
define internal i1 @build(ptr %plan, ptr %steps, ptr %objects) {
entry:
  %count = call i64 @word(ptr %plan, i64 9)
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %more, %kept ]
  %step = phi ptr [ %steps, %entry ], [ %next, %kept ]
  %values = phi ptr [ %objects, %entry ], [ %values.after, %kept ]
  %rest = phi ptr [ %objects, %entry ], [ %rest.after, %kept ]
  %left = icmp slt i64 %k, %count
  br i1 %left, label %one, label %done
one:
  %number = load i64, ptr %step
  %takes.next = icmp slt i64 %number, 0
  br i1 %takes.next, label %move, label %join
move:
  %object = load ptr, ptr %rest
  store ptr null, ptr %rest
  store ptr %object, ptr %values
  %rest.moved = getelementptr ptr, ptr %rest, i64 1
  br label %kept
join:
  %back = sub i64 0, %number
  %first = getelementptr ptr, ptr %values, i64 %back
  %maker = call i64 @word(ptr %step, i64 1)
  %made = call ptr @joined(i64 %maker, ptr %first, i64 %number)
  store ptr %made, ptr %first
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %out, label %kept
kept:
  %last = phi ptr [ %values, %move ], [ %first, %join ]
  %rest.after = phi ptr [ %rest.moved, %move ], [ %rest, %join ]
  %values.after = getelementptr ptr, ptr %last, i64 1
  %more = add i64 %k, 1
  %next = getelementptr i64, ptr %step, i64 2
  br label %loop
out:
  ret i1 false
done:
  ret i1 true
}

; One value of several, which leave nulls, or null.
define internal ptr @joined(i64 %maker, ptr %values, i64 %number) {
entry:
  %no.maker = icmp eq i64 %maker, 0
  br i1 %no.maker, label %tuple, label %call
call:
  %function = inttoptr i64 %maker to ptr
  %made = call ptr @PyObject_Vectorcall(ptr %function, ptr %values, i64 %number, ptr null)
  call void @forget(ptr %values, i64 %number)
  ret ptr %made
tuple:
  %new = call ptr @PyTuple_New(i64 %number)
  %missing = icmp eq ptr %new, null
  br i1 %missing, label %failed, label %loop
loop:
  %k = phi i64 [ 0, %tuple ], [ %more, %one ]
  %left = icmp slt i64 %k, %number
  br i1 %left, label %one, label %done
one:
  %place = getelementptr ptr, ptr %values, i64 %k
  %object = load ptr, ptr %place
  store ptr null, ptr %place
  %set = call i32 @PyTuple_SetItem(ptr %new, i64 %k, ptr %object)
  %more = add i64 %k, 1
  br label %loop
failed:
  call void @forget(ptr %values, i64 %number)
  br label %done
done:
  ret ptr %new
}
