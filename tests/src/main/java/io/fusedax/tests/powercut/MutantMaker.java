package io.fusedax.tests.powercut;

import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** Makes a class in which one thing is switched off. */
final class MutantMaker {
    private MutantMaker() {}

    /** The class with the mutation in it. */
    static byte[] mutate(byte[] original, Mutation mutation) {
        ClassReader reader = new ClassReader(original);
        ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
        boolean[] done = new boolean[1];
        reader.accept(
                new ClassVisitor(Opcodes.ASM9, writer) {
                    @Override
                    public MethodVisitor visitMethod(
                            int access,
                            String name,
                            String descriptor,
                            String signature,
                            String[] exceptions) {
                        MethodVisitor next =
                                super.visitMethod(access, name, descriptor, signature, exceptions);
                        if (!name.equals(mutation.method())) {
                            return next;
                        }
                        return switch (mutation.kind()) {
                            case DROP_CALL -> new CallDropper(next, mutation, done);
                            case ANSWER_ZERO -> answer(next, descriptor, Opcodes.ICONST_0, done);
                            case ANSWER_ONE -> answer(next, descriptor, Opcodes.ICONST_1, done);
                            case TRUST_LOG -> trustLog(next, done);
                            case HOME_FIRST -> homeFirst(next, done);
                            case SAME_SLOT -> sameSlot(next, done);
                        };
                    }
                },
                0);
        if (!done[0]) {
            throw new IllegalStateException(mutation + ": nothing to mutate");
        }
        return writer.toByteArray();
    }

    /** Leaves out one call: what it would answer is zero. */
    private static final class CallDropper extends MethodVisitor {
        private final Mutation mutation;
        private final boolean[] done;
        private int calls;

        CallDropper(MethodVisitor next, Mutation mutation, boolean[] done) {
            super(Opcodes.ASM9, next);
            this.mutation = mutation;
            this.done = done;
        }

        @Override
        public void visitMethodInsn(
                int opcode, String owner, String name, String descriptor, boolean isInterface) {
            boolean wanted = mutation.callee().equals(Mutation.shortName(owner) + "." + name);
            if (!wanted || calls++ != mutation.ordinal()) {
                super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
                return;
            }
            done[0] = true;
            Type[] arguments = Type.getArgumentTypes(descriptor);
            for (int i = arguments.length - 1; i >= 0; i--) {
                visitInsn(arguments[i].getSize() == 2 ? Opcodes.POP2 : Opcodes.POP);
            }
            if (opcode != Opcodes.INVOKESTATIC) {
                visitInsn(Opcodes.POP);
            }
            Type answer = Type.getReturnType(descriptor);
            if (answer.getSort() != Type.VOID) {
                visitInsn(zero(answer));
            }
        }
    }

    private static int zero(Type type) {
        return switch (type.getSort()) {
            case Type.LONG -> Opcodes.LCONST_0;
            case Type.OBJECT, Type.ARRAY -> Opcodes.ACONST_NULL;
            default -> Opcodes.ICONST_0;
        };
    }

    /** The whole method only answers a constant. */
    private static MethodVisitor answer(
            MethodVisitor next, String descriptor, int constant, boolean[] done) {
        done[0] = true;
        Type type = Type.getReturnType(descriptor);
        next.visitCode();
        if (type.getSort() != Type.VOID) {
            next.visitInsn(type.getSort() == Type.BOOLEAN ? constant : zero(type));
        }
        next.visitInsn(type.getOpcode(Opcodes.IRETURN));
        next.visitMaxs(0, 0);
        next.visitEnd();
        return null;
    }

    /** JournalLog.checksumOnMedia answers what the head says. */
    private static MethodVisitor trustLog(MethodVisitor next, boolean[] done) {
        done[0] = true;
        next.visitCode();
        next.visitVarInsn(Opcodes.ALOAD, 3);
        next.visitInsn(Opcodes.ICONST_4);
        next.visitMethodInsn(
                Opcodes.INVOKESTATIC, "io/fusedax/backing/format/Bytes", "getInt", "([BI)I", false);
        next.visitInsn(Opcodes.IRETURN);
        next.visitMaxs(0, 0);
        next.visitEnd();
        return null;
    }

    /** Committer.write stores home before it logs. */
    private static MethodVisitor homeFirst(MethodVisitor next, boolean[] done) {
        return new MethodVisitor(Opcodes.ASM9, next) {
            @Override
            public void visitCode() {
                super.visitCode();
                done[0] = true;
                visitVarInsn(Opcodes.ALOAD, 0);
                visitMethodInsn(
                        Opcodes.INVOKESPECIAL,
                        "io/fusedax/backing/journal/Committer",
                        "writeHome",
                        "()V",
                        false);
            }
        };
    }

    /** JournalLog.reset writes over the slot that counts: 1 - slot becomes slot. */
    private static MethodVisitor sameSlot(MethodVisitor next, boolean[] done) {
        return new MethodVisitor(Opcodes.ASM9, next) {
            @Override
            public void visitInsn(int opcode) {
                if (opcode == Opcodes.ISUB) {
                    done[0] = true;
                    super.visitInsn(Opcodes.SWAP);
                    super.visitInsn(Opcodes.POP);
                } else {
                    super.visitInsn(opcode);
                }
            }
        };
    }
}
