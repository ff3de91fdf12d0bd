package dev.dmabufsim.common.history;

import java.lang.reflect.Constructor;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.List;

/** Makes values of any record that is plain data, no two components alike. */
final class Samples {
  private int n;

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
      return Integer.MIN_VALUE + n;
    } else if (type == long.class) {
      return Long.MAX_VALUE - n;
    } else if (type == boolean.class) {
      return true;
    } else if (type == String.class) {
      return "ä \"line\"\n" + n;
    } else if (type instanceof ParameterizedType list && list.getRawType() == List.class) {
      Type element = list.getActualTypeArguments()[0];
      return List.of(value(element), value(element));
    } else if (type instanceof Class<?> kind && kind.isEnum()) {
      Object[] constants = kind.getEnumConstants();
      return constants[n % constants.length];
    } else if (type instanceof Class<?> kind && kind.isRecord()) {
      return of(kind);
    }
    throw new IllegalArgumentException("not plain data, as far as this test knows: " + type);
  }
}
