package dev.dmabufsim.simulator.scenario;

import dev.dmabufsim.simulator.scenario.Threshold.Comparison;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Binds {@code thresholds}. */
final class ThresholdsBinder {
  private static final Pattern FORM = Pattern.compile(" *+([^ =!<>]++) *+([=!<>]++) *+([^ ]++) *+");
  private static final Pattern NUMBER =
      Pattern.compile("-?[0-9]{1,18}(\\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?");

  private ThresholdsBinder() {}

  static List<Threshold> bind(Section root) throws ScenarioException {
    List<Threshold> thresholds = new ArrayList<>();
    for (Field item : root.items("thresholds")) {
      thresholds.add(threshold(item));
    }
    return thresholds;
  }

  private static Threshold threshold(Field field) throws ScenarioException {
    String text = field.text();
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw field.wrong(
          Quote.of(text) + " is not a threshold",
          "write METRIC SIGN NUMBER, such as 'revokes.outcomes.severed == 0'");
    }
    String metric = matcher.group(1);
    if (!Metrics.ALL.contains(metric)) {
      throw field.wrong(
          Quote.of(metric) + " is not a metric of the report", Nearest.advice(metric, Metrics.ALL));
    }
    Comparison comparison = Comparison.signed(matcher.group(2)).orElse(null);
    if (comparison == null) {
      throw field.wrong(
          Quote.of(matcher.group(2)) + " is not a comparison", "write ==, !=, <=, >=, < or >");
    }
    String number = matcher.group(3);
    if (!NUMBER.matcher(number).matches()) {
      throw field.wrong(Quote.of(number) + " is not a number", "write one without a unit");
    }
    return new Threshold(
        metric,
        comparison,
        Double.parseDouble(number),
        metric + " " + comparison.sign() + " " + number);
  }
}
