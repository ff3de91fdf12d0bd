package dev.dmabufsim.cluster;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.ActorRef;
import java.lang.reflect.Constructor;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Makes messages of any kind out of what messages may hold: plain data and addresses of actors. */
final class MessageSamples {
  private final ActorTestKit kit;
  private final int batch;
  private int n;

  /**
   * Messages of one size.
   *
   * @param batch how many elements each list has
   */
  MessageSamples(ActorTestKit kit, int batch) {
    this.kit = kit;
    this.batch = batch;
  }

  <T> T of(Class<T> record) throws ReflectiveOperationException {
    RecordComponent[] components = record.getRecordComponents();
    Class<?>[] types =
        Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
    Object[] values = new Object[components.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = value(components[i].getGenericType());
    }
    Constructor<T> constructor = record.getDeclaredConstructor(types);
    return constructor.newInstance(values);
  }

  private Object value(Type type) throws ReflectiveOperationException {
    n++;
    if (type == int.class || type == Integer.class) {
      return n % 2 == 0 ? Integer.MIN_VALUE + n : Integer.MAX_VALUE - n;
    } else if (type == long.class || type == Long.class) {
      return n % 2 == 0 ? Long.MIN_VALUE + n : Long.MAX_VALUE - n;
    } else if (type == boolean.class) {
      return n % 2 == 0;
    } else if (type == String.class) {
      return "ä " + n;
    } else if (type instanceof ParameterizedType generic && generic.getRawType() == List.class) {
      List<Object> list = new ArrayList<>();
      for (int i = 0; i < batch; i++) {
        list.add(value(generic.getActualTypeArguments()[0]));
      }
      return List.copyOf(list);
    } else if (type instanceof ParameterizedType generic
        && generic.getRawType() == ActorRef.class) {
      return kit.createTestProbe().ref();
    } else if (type instanceof Class<?> kind && kind.isEnum()) {
      Object[] constants = kind.getEnumConstants();
      return constants[n % constants.length];
    } else if (type instanceof Class<?> kind && kind.isRecord()) {
      return of(kind);
    }
    throw new IllegalArgumentException("no part of a message, as far as this test knows: " + type);
  }
}
