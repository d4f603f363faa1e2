; What the door (`door.ll`) does with the arguments: each is looked at, and goes into the frame if it is plain.

declare ptr @PyTuple_GetItem(ptr, i64)
declare double @PyFloat_AsDouble(ptr)
declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare ptr @PyErr_Occurred()
declare double @llvm.fabs.f64(double)

; Kinds: 0 f64, 1 f32, 2 i64, 3 i32, 4 bool, 5 array, 6 a size, copied from slot 2 to slot 3. Of all others word 2 is the
; place among the arguments, word 3 the slot.
define internal i1 @take(ptr %record, ptr %arguments, ptr %frame) {
entry:
  %kind = call i64 @word(ptr %record, i64 1)
  %argument = call i64 @word(ptr %record, i64 2)
  %slot = call i64 @word(ptr %record, i64 3)
  %target = getelementptr i64, ptr %frame, i64 %slot
  %copied = icmp eq i64 %kind, 6
  br i1 %copied, label %copy, label %object
copy:
  %size = call i64 @word(ptr %frame, i64 %argument)
  store i64 %size, ptr %target
  ret i1 true
object:
  %value = call ptr @PyTuple_GetItem(ptr %arguments, i64 %argument)
  switch i64 %kind, label %array [
    i64 0, label %real
    i64 1, label %real
    i64 2, label %integer
    i64 3, label %integer
    i64 4, label %truth
  ]
real:
  %narrow = icmp eq i64 %kind, 1
  %a = call i1 @real(ptr %record, ptr %value, ptr %target, i1 %narrow)
  ret i1 %a
integer:
  %short = icmp eq i64 %kind, 3
  %b = call i1 @integer(ptr %record, ptr %value, ptr %target, i1 %short)
  ret i1 %b
truth:
  %c = call i1 @truth(ptr %record, ptr %value, ptr %target)
  ret i1 %c
array:
  %d = call i1 @array(ptr %record, ptr %value, ptr %target, ptr %frame)
  ret i1 %d
}

define internal i1 @has_type(ptr %record, ptr %value, i64 %k) alwaysinline {
  %place = getelementptr i8, ptr %value, i64 TYPE
  %type = load i64, ptr %place
  %wanted = call i64 @word(ptr %record, i64 %k)
  %same = icmp eq i64 %type, %wanted
  ret i1 %same
}

; Words 4 to 7: the types whose values are taken, as Python itself would convert them. A value beyond the finite ones of
; f32 is not plain for it, nor is a NaN.
define internal i1 @real(ptr %record, ptr %value, ptr %target, i1 %narrow) {
entry:
  %a = call i1 @has_type(ptr %record, ptr %value, i64 4)
  %b = call i1 @has_type(ptr %record, ptr %value, i64 5)
  %c = call i1 @has_type(ptr %record, ptr %value, i64 6)
  %d = call i1 @has_type(ptr %record, ptr %value, i64 7)
  %a.b = or i1 %a, %b
  %c.d = or i1 %c, %d
  %known = or i1 %a.b, %c.d
  br i1 %known, label %read, label %unusual
read:
  %number = call double @PyFloat_AsDouble(ptr %value)
  %suspect = fcmp oeq double %number, -1.0
  br i1 %suspect, label %look, label %store
look:
  %error = call ptr @PyErr_Occurred()
  %failed = icmp ne ptr %error, null
  br i1 %failed, label %clear, label %store
clear:
  call void @PyErr_Clear()
  br label %unusual
store:
  br i1 %narrow, label %single, label %double
double:
  store double %number, ptr %target
  ret i1 true
single:
  %size = call double @llvm.fabs.f64(double %number)
  %fits = fcmp ole double %size, 0x47EFFFFFE0000000
  br i1 %fits, label %round, label %unusual
round:
  %rounded = fptrunc double %number to float
  store float %rounded, ptr %target
  ret i1 true
unusual:
  ret i1 false
}

; Words 4 to 6: the types whose values are taken.
define internal i1 @integer(ptr %record, ptr %value, ptr %target, i1 %short) {
entry:
  %overflow = alloca i32
  %a = call i1 @has_type(ptr %record, ptr %value, i64 4)
  %b = call i1 @has_type(ptr %record, ptr %value, i64 5)
  %c = call i1 @has_type(ptr %record, ptr %value, i64 6)
  %a.b = or i1 %a, %b
  %known = or i1 %a.b, %c
  br i1 %known, label %read, label %unusual
read:
  %number = call i64 @PyLong_AsLongLongAndOverflow(ptr %value, ptr %overflow)
  %over = load i32, ptr %overflow
  %inside = icmp eq i32 %over, 0
  br i1 %inside, label %store, label %unusual
store:
  br i1 %short, label %small, label %large
large:
  store i64 %number, ptr %target
  ret i1 true
small:
  %low = trunc i64 %number to i32
  %back = sext i32 %low to i64
  %fits = icmp eq i64 %back, %number
  br i1 %fits, label %write, label %unusual
write:
  store i32 %low, ptr %target
  ret i1 true
unusual:
  ret i1 false
}

; Words 4 and 5: True and False.
define internal i1 @truth(ptr %record, ptr %value, ptr %target) {
  %object = ptrtoint ptr %value to i64
  %yes.word = call i64 @word(ptr %record, i64 4)
  %no.word = call i64 @word(ptr %record, i64 5)
  %yes = icmp eq i64 %object, %yes.word
  %no = icmp eq i64 %object, %no.word
  %byte = zext i1 %yes to i8
  store i8 %byte, ptr %target
  %known = or i1 %yes, %no
  ret i1 %known
}

; Word 4: the type of arrays; word 5: the descriptor of the elements; word 6: the number of dimensions. Then five words
; for each dimension: factor, slot of a size, multiple, offset, slot for the extent or -1. With a factor other than 0, that
; times the extent must be the multiple of the size and the offset more. Contiguous (1) and aligned (256) arrays are plain.
define internal i1 @array(ptr %record, ptr %value, ptr %target, ptr %frame) {
entry:
  %known = call i1 @has_type(ptr %record, ptr %value, i64 4)
  br i1 %known, label %fields, label %unusual
fields:
  %data.place = getelementptr i8, ptr %value, i64 HEAD
  %rank.place = getelementptr i8, ptr %data.place, i64 8
  %shape.place = getelementptr i8, ptr %data.place, i64 16
  %elements.place = getelementptr i8, ptr %data.place, i64 40
  %flags.place = getelementptr i8, ptr %data.place, i64 48
  %elements = load i64, ptr %elements.place
  %elements.wanted = call i64 @word(ptr %record, i64 5)
  %same.elements = icmp eq i64 %elements, %elements.wanted
  %rank = load i32, ptr %rank.place
  %wide.rank = sext i32 %rank to i64
  %rank.wanted = call i64 @word(ptr %record, i64 6)
  %same.rank = icmp eq i64 %wide.rank, %rank.wanted
  %flags = load i32, ptr %flags.place
  %masked = and i32 %flags, 257
  %laid = icmp eq i32 %masked, 257
  %a = and i1 %same.elements, %same.rank
  %b = and i1 %a, %laid
  br i1 %b, label %plain, label %unusual
plain:
  %data = load i64, ptr %data.place
  store i64 %data, ptr %target
  %shape = load ptr, ptr %shape.place
  br label %loop
loop:
  %axis = phi i64 [ 0, %plain ], [ %more, %next ]
  %left = icmp slt i64 %axis, %rank.wanted
  br i1 %left, label %one, label %done
one:
  %extent = call i64 @word(ptr %shape, i64 %axis)
  %skipped = mul i64 %axis, 5
  %begin = add i64 %skipped, 7
  %axis.record = getelementptr i64, ptr %record, i64 %begin
  %fits = call i1 @dimension(ptr %axis.record, i64 %extent, ptr %frame)
  br i1 %fits, label %next, label %unusual
next:
  %more = add i64 %axis, 1
  br label %loop
done:
  ret i1 true
unusual:
  ret i1 false
}

define internal i1 @dimension(ptr %record, i64 %extent, ptr %frame) {
entry:
  %factor = load i64, ptr %record
  %free = icmp eq i64 %factor, 0
  br i1 %free, label %fits, label %compare
compare:
  %slot = call i64 @word(ptr %record, i64 1)
  %multiple = call i64 @word(ptr %record, i64 2)
  %offset = call i64 @word(ptr %record, i64 3)
  %size = call i64 @word(ptr %frame, i64 %slot)
  %scaled = mul i64 %multiple, %size
  %wanted = add i64 %scaled, %offset
  %found = mul i64 %factor, %extent
  %same = icmp eq i64 %found, %wanted
  br i1 %same, label %fits, label %unusual
fits:
  %target = call i64 @word(ptr %record, i64 4)
  %silent = icmp slt i64 %target, 0
  br i1 %silent, label %done, label %tell
tell:
  %place = getelementptr i64, ptr %frame, i64 %target
  store i64 %extent, ptr %place
  br label %done
done:
  ret i1 true
unusual:
  ret i1 false
}
