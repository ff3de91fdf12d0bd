package dev.dmabufsim.common.driver;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ImporterOfferTest {
  @ParameterizedTest
  @CsvSource({
    "true, true, true",
    "true, false, false",
    "false, true, false",
    "false, false, false"
  })
  void isRevocableWhenThereAreImporterOpsAndTheCallbackIsAmongThem(
      boolean dynamic, boolean callback, boolean revocable) {
    assertThat(new ImporterOffer(dynamic, true, callback, false, false).revocable())
        .isEqualTo(revocable);
  }

  @Test
  void thatOfADynamicImporterIsRevocableAndPinsNothing() {
    assertThat(ImporterOffer.DYNAMIC.revocable()).isTrue();
    assertThat(ImporterOffer.DYNAMIC.peer2peer()).isTrue();
    assertThat(ImporterOffer.DYNAMIC.pins()).isFalse();
    assertThat(ImporterOffer.DYNAMIC.iommufdMap()).isFalse();
  }

  @Test
  void thatOfAStaticImporterHasNeitherCallbackNorPeerToPeer() {
    ImporterOffer offer = ImporterOffer.DYNAMIC.asStatic();

    assertThat(offer).isEqualTo(new ImporterOffer(false, false, false, false, false));
    assertThat(offer.revocable()).isFalse();
  }

  @Test
  void eachPartCanBeOfferedApart() {
    ImporterOffer offer = ImporterOffer.DYNAMIC;

    assertThat(offer.peer2peer(false))
        .isEqualTo(new ImporterOffer(true, false, true, false, false));
    assertThat(offer.invalidateMappings(false))
        .isEqualTo(new ImporterOffer(true, true, false, false, false));
    assertThat(offer.pins(true)).isEqualTo(new ImporterOffer(true, true, true, true, false));
    assertThat(offer.iommufdMap(true)).isEqualTo(new ImporterOffer(true, true, true, false, true));
  }
}
